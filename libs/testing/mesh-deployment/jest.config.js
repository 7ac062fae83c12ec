module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-mesh-deployment', rootDir: __dirname };
