module.exports = { ...require('../../../jest.preset.js'), displayName: 'testing-xds-server', rootDir: __dirname };
