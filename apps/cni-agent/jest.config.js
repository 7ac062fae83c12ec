module.exports = { ...require('../../jest.preset.js'), displayName: 'cni-agent', rootDir: __dirname };
