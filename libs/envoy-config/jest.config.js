module.exports = { ...require('../../jest.preset.js'), displayName: 'envoy-config', rootDir: __dirname };
