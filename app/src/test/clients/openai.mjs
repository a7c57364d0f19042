// npm openai: `node openai.mjs URL MODEL`. Exits with 0 when everything is as the client expects.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user', content: 'Where to?' }];
const go = {
  type: 'function',
  function: {
    name: 'go',
    description: 'Go there',
    strict: true,
    parameters: {
      type: 'object',
      properties: { to: { enum: ['left', 'right'] } },
      required: ['to'],
      additionalProperties: false,
    },
  },
};

const models = await client.models.list();
assert.ok(models.data.some((each) => each.id === model));

// chat, whole and streamed
const fixed = { model, messages, temperature: 0, max_completion_tokens: 12 };
const whole = await client.chat.completions.create(fixed);
assert.equal(whole.choices[0].message.role, 'assistant');
assert.ok(whole.usage.completion_tokens <= 12);
let text = '';
let usage;
for await (const chunk of await client.chat.completions.create({
  ...fixed,
  stream: true,
  stream_options: { include_usage: true },
})) {
  text += chunk.choices[0]?.delta.content ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].message.content);
assert.deepEqual(usage, whole.usage);

// log-probabilities
const scored = await client.chat.completions.create({ ...fixed, logprobs: true, top_logprobs: 2 });
assert.equal(scored.choices[0].logprobs.content.length, scored.usage.completion_tokens);
assert.equal(scored.choices[0].logprobs.content[0].top_logprobs.length, 2);

// structured output, read by the client's own helper
const Answer = z.object({ side: z.enum(['left', 'right']) });
const parsed = await client.chat.completions.parse({
  model,
  messages,
  response_format: zodResponseFormat(Answer, 'answer'),
});
assert.ok(['left', 'right'].includes(parsed.choices[0].message.parsed.side));

// tools: a call, streamed and put together by the client's own helper, and its result
const asking = { model, messages, tools: [go], tool_choice: 'required', parallel_tool_calls: false };
const runner = client.chat.completions.stream(asking);
const called = (await runner.finalChatCompletion()).choices[0];
assert.equal(called.finish_reason, 'tool_calls');
const call = called.message.tool_calls[0];
assert.equal(call.function.name, 'go');
assert.ok(['left', 'right'].includes(JSON.parse(call.function.arguments).to));
const after = await client.chat.completions.create({
  model,
  messages: [...messages, called.message, { role: 'tool', tool_call_id: call.id, content: 'gone' }],
  tools: [go],
  tool_choice: 'none',
  max_completion_tokens: 4,
});
assert.ok(after.usage.prompt_tokens > whole.usage.prompt_tokens);

// completions and embeddings
const completion = await client.completions.create({ model, prompt: 'one two', max_tokens: 4 });
assert.ok(completion.usage.completion_tokens <= 4);
const vectors = await client.embeddings.create({ model, input: ['one', 'two'] });
assert.equal(vectors.data.length, 2);
assert.ok(Math.abs(vectors.data[0].embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-3);

// responses, whole and streamed, with a function and with thoughts of the client's own accumulator
const response = await client.responses.create({
  model,
  input: 'Where to?',
  temperature: 0,
  max_output_tokens: 12,
});
assert.ok(typeof response.output_text === 'string');
const stream = client.responses.stream({
  model,
  input: 'Where to?',
  tools: [{ type: 'function', ...go.function }],
  tool_choice: 'required',
});
const numbers = [];
for await (const event of stream) {
  numbers.push(event.sequence_number);
}
assert.deepEqual(numbers, [...numbers.keys()]);
const final = await stream.finalResponse();
assert.equal(final.output[0].type, 'function_call');
assert.ok(['left', 'right'].includes(JSON.parse(final.output[0].arguments).to));
const answered = await client.responses.create({
  model,
  input: [
    { role: 'user', content: 'Where to?' },
    ...final.output,
    { type: 'function_call_output', call_id: final.output[0].call_id, output: 'gone' },
  ],
  max_output_tokens: 4,
});
assert.ok(answered.usage.input_tokens > 10);

// errors
await assert.rejects(client.chat.completions.create({ model: 'none-such', messages }), (error) => {
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, 'model_not_found');
  assert.equal(error.param, 'model');
  return true;
});
await assert.rejects(
  client.chat.completions.create({ model, messages, temperature: -1 }),
  OpenAI.BadRequestError,
);

// going away in the middle
const abandoned = await client.chat.completions.create({
  model,
  messages,
  stream: true,
  max_completion_tokens: 1500,
  ignore_eos: true,
});
let seen = 0;
for await (const _ of abandoned) {
  if (++seen === 3) {
    abandoned.controller.abort();
    break;
  }
}
assert.equal(seen, 3);
console.log('ok');
