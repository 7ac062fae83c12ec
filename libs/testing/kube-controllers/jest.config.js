module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-kube-controllers', rootDir: __dirname };
