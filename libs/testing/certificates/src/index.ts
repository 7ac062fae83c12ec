export { TestAuthority, type RevokedInTest, type TestIdentity, type TestIdentityOptions } from './test-authority.js';
