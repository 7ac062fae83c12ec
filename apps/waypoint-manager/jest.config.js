module.exports = { ...require('../../jest.preset.js'), displayName: 'waypoint-manager', rootDir: __dirname };
