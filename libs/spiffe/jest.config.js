module.exports = { ...require('../../jest.preset.js'), displayName: 'spiffe', rootDir: __dirname };
