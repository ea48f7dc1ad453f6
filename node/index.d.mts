// The same declarations for `import`.
export * from './index.js';
import * as freesmtp from './index.js';
export default freesmtp;
