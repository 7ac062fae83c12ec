module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-kube-apiserver', rootDir: __dirname };
