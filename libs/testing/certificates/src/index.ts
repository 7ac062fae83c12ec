export { TestAuthority, type TestIdentity, type TestIdentityOptions } from './test-authority.js';
