module.exports = { ...require('../../jest.preset.js'), displayName: 'ca', rootDir: __dirname };
