module.exports = { ...require('../../jest.preset.js'), displayName: 'proxy-agent', rootDir: __dirname };
