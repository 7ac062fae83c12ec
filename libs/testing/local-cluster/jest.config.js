module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-local-cluster', rootDir: __dirname };
