module.exports = { ...require('../../jest.preset.js'), displayName: 'proxy-protocol', rootDir: __dirname };
