module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-cluster-network', rootDir: __dirname };
