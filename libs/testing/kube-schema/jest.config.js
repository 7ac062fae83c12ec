module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-kube-schema', rootDir: __dirname };
