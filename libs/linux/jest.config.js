module.exports = { ...require('../../jest.preset.js'), displayName: 'linux', rootDir: __dirname };
