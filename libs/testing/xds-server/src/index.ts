export { FakeAdsServer, type FakeResource, type FakeStream } from './fake-ads-server.js';
