// Asks for the first pictures while the rest of the page is still on its way; app.js finds the answers.
import {answerOf} from './service.js';
import {requestOf, stateOpen} from './state.js';

const state = stateOpen();
for (const layers of state.pipelines)
  answerOf(requestOf(state, layers)).catch(() => {}); // app.js asks again, and says why
