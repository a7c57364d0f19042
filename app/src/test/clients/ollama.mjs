// npm ollama: `node ollama.mjs URL MODEL`. Exits with 0 when everything is as the client expects.
import assert from 'node:assert/strict';
import { Ollama } from 'ollama';

const [url, model] = process.argv.slice(2);
const client = new Ollama({ host: url });
const messages = [{ role: 'user', content: 'Where to?' }];
const tools = [
  {
    type: 'function',
    function: {
      name: 'go',
      description: 'Go there',
      parameters: {
        type: 'object',
        properties: { to: { type: 'string', enum: ['left', 'right'] } },
        required: ['to'],
      },
    },
  },
];

const listed = await client.list();
assert.ok(listed.models.some((each) => each.name === model));
assert.ok((await client.ps()).models.some((each) => each.model === model));
const shown = await client.show({ model });
assert.ok(shown.capabilities.includes('completion'));
assert.ok(shown.details.parameter_size.length > 0);
assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);

// chat and generate, whole and streamed
const options = { temperature: 0, num_predict: 12 };
const whole = await client.chat({ model, messages, options, keep_alive: '5m' });
assert.equal(whole.done, true);
assert.ok(whole.eval_count <= 12);
let text = '';
let last;
for await (const part of await client.chat({ model, messages, options, stream: true })) {
  text += part.message.content;
  last = part;
}
assert.equal(text, whole.message.content);
assert.equal(last.done, true);
assert.equal(last.eval_count, whole.eval_count);
const generated = await client.generate({ model, prompt: 'Where to?', options });
assert.equal(generated.response, whole.message.content);

// structured output
const format = {
  type: 'object',
  properties: { side: { type: 'string', enum: ['left', 'right'] } },
  required: ['side'],
};
const formed = await client.chat({ model, messages, format });
assert.ok(['left', 'right'].includes(JSON.parse(formed.message.content).side));

// tools: whatever it does, a call is one of the tool; and calls of before are taken
const maybe = await client.chat({ model, messages, tools, options: { num_predict: 60 } });
for (const call of maybe.message.tool_calls ?? []) {
  assert.equal(call.function.name, 'go');
}
const after = await client.chat({
  model,
  tools,
  options: { num_predict: 3 },
  messages: [
    ...messages,
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ function: { name: 'go', arguments: { to: 'left' } } }],
    },
    { role: 'tool', tool_name: 'go', content: 'gone' },
  ],
});
assert.ok(after.prompt_eval_count > whole.prompt_eval_count);

const vectors = await client.embed({ model, input: ['one', 'two'] });
assert.equal(vectors.embeddings.length, 2);

// errors
await assert.rejects(client.chat({ model: 'none-such', messages }), (error) => {
  assert.equal(error.status_code, 404);
  assert.match(error.message, /none-such/);
  return true;
});
await assert.rejects(client.chat({ model, messages, options: { num_gpu: 1 } }), /num_gpu/);

// going away in the middle; the whole answer may be here already when this process is slow
let seen = 0;
const abandoned = await client.chat({ model, messages, stream: true, options: { num_predict: -1 } });
try {
  for await (const part of abandoned) {
    if (++seen === 2) {
      abandoned.abort();
    }
  }
} catch (error) {
  assert.equal(error.name, 'AbortError');
}
assert.ok(seen >= 2);
console.log('ok');
