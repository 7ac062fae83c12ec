// Every unit and component test; `e2e/jest.config.js` is run on its own (it needs root).
module.exports = {
  testTimeout: require('./jest.preset.js').testTimeout,
  projects: [
    '<rootDir>/apps/*/jest.config.js',
    '<rootDir>/libs/*/jest.config.js',
    '<rootDir>/libs/testing/*/jest.config.js',
    '<rootDir>/bench/jest.config.js',
  ],
};
