module.exports = { ...require('../../jest.preset.js'), displayName: 'weft', rootDir: __dirname };
