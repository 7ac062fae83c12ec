export { Controllers, type ControllersOptions } from './controllers.js';
