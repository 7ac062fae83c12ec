module.exports = { ...require('../../jest.preset.js'), displayName: 'xds-grpc', rootDir: __dirname };
