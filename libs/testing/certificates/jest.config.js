module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-certificates', rootDir: __dirname };
