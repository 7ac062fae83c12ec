module.exports = { ...require('../../jest.preset.js'), displayName: 'ip', rootDir: __dirname };
