module.exports = { ...require('../../jest.preset.js'), displayName: 'mesh-api', rootDir: __dirname };
