module.exports = { ...require('../../jest.preset.js'), displayName: 'result', rootDir: __dirname };
