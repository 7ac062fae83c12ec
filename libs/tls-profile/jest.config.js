module.exports = { ...require('../../jest.preset.js'), displayName: 'tls-profile', rootDir: __dirname };
