export { CachesNotFilledError, Controllers, type ControllersOptions } from './controllers.js';
