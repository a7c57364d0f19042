// Vercel's ai with @ai-sdk/openai-compatible: `node ai-sdk.mjs URL MODEL`.
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const [url, model] = process.argv.slice(2);
const lathe = createOpenAICompatible({
  name: 'lathe',
  baseURL: `${url}/v1`,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const prompt = 'Where to?';

// chat, whole and streamed
const fixed = { model: lathe(model), prompt, temperature: 0, maxOutputTokens: 12, maxRetries: 0 };
const whole = await generateText(fixed);
assert.ok(whole.usage.outputTokens <= 12);
const streamed = streamText(fixed);
let text = '';
for await (const part of streamed.textStream) {
  text += part;
}
assert.equal(text, whole.text);
assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);

// structured output
const formed = await generateText({
  model: lathe(model),
  prompt,
  maxRetries: 0,
  output: Output.object({ schema: z.object({ side: z.enum(['left', 'right']) }) }),
});
assert.ok(['left', 'right'].includes(formed.output.side));

// tools: a call, whole and streamed, run by the client, and an answer to its result
const asked = [];
const tools = {
  go: tool({
    description: 'Go there',
    inputSchema: z.object({ to: z.enum(['left', 'right']) }),
    execute: async ({ to }) => {
      asked.push(to);
      return `gone ${to}`;
    },
  }),
};
const oneCall = { lathe: { parallel_tool_calls: false } };
const called = await generateText({
  model: lathe(model),
  prompt,
  tools,
  providerOptions: oneCall,
  maxRetries: 0,
  maxOutputTokens: 200,
  prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
  stopWhen: stepCountIs(2),
});
assert.equal(called.steps.length, 2);
assert.equal(called.steps[0].finishReason, 'tool-calls');
assert.ok(asked.length > 0);
const calls = streamText({
  model: lathe(model),
  prompt,
  tools,
  toolChoice: 'required',
  providerOptions: oneCall,
  maxRetries: 0,
});
for (const call of await calls.toolCalls) {
  assert.equal(call.toolName, 'go');
  assert.ok(['left', 'right'].includes(call.input.to));
}

const vectors = await embedMany({
  model: lathe.embeddingModel(model),
  values: ['one', 'two'],
  maxRetries: 0,
});
assert.equal(vectors.embeddings.length, 2);

// errors
await assert.rejects(
  generateText({ model: lathe('none-such'), prompt, maxRetries: 0 }),
  (error) => error.statusCode === 404 && /none-such/.test(error.message),
);

// going away in the middle
const controller = new AbortController();
const abandoned = streamText({
  model: lathe(model),
  prompt,
  maxOutputTokens: 1500,
  abortSignal: controller.signal,
  onError: () => {},
});
let seen = 0;
for await (const part of abandoned.fullStream) {
  if (part.type === 'text-delta' && ++seen === 2) {
    controller.abort();
  }
}
assert.ok(seen >= 2);
console.log('ok');
