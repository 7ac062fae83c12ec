module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-fuzz', rootDir: __dirname };
