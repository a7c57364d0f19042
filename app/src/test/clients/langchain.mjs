// @langchain/openai: `node langchain.mjs URL MODEL`.
import assert from 'node:assert/strict';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';

const [url, model] = process.argv.slice(2);
const configuration = { baseURL: `${url}/v1` };
const common = { model, apiKey: 'none', configuration, maxRetries: 0 };
const question = [new HumanMessage('Where to?')];

// chat, whole and streamed
const chat = new ChatOpenAI({ ...common, temperature: 0, maxTokens: 12 });
const whole = await chat.invoke(question);
assert.ok(whole.usage_metadata.output_tokens <= 12);
let text = '';
for await (const chunk of await chat.stream(question)) {
  text += chunk.content;
}
assert.equal(text, whole.content);

// structured output
const lively = new ChatOpenAI({ ...common, temperature: 1 });
const formed = await lively
  .withStructuredOutput(z.object({ side: z.enum(['left', 'right']) }), { method: 'jsonSchema' })
  .invoke(question);
assert.ok(['left', 'right'].includes(formed.side));

// tools
const go = tool(async ({ to }) => `gone ${to}`, {
  name: 'go',
  description: 'Go there',
  schema: z.object({ to: z.enum(['left', 'right']) }),
});
const calling = await lively.bindTools([go], { tool_choice: 'go' }).invoke(question);
assert.equal(calling.tool_calls[0].name, 'go');
assert.ok(['left', 'right'].includes(calling.tool_calls[0].args.to));
const results = await Promise.all(
  calling.tool_calls.map(
    async (call) =>
      new ToolMessage({ content: await go.invoke(call.args), tool_call_id: call.id }),
  ),
);
const after = await chat.invoke([...question, calling, ...results]);
assert.ok(after.usage_metadata.input_tokens > whole.usage_metadata.input_tokens);

// log-probabilities
const scored = await new ChatOpenAI({
  ...common,
  maxTokens: 4,
  logprobs: true,
  topLogprobs: 2,
}).invoke(question);
assert.equal(scored.response_metadata.logprobs.content[0].top_logprobs.length, 2);

// responses
const responses = new ChatOpenAI({ ...common, useResponsesApi: true, maxTokens: 8 });
const response = await responses.invoke(question);
assert.ok(response.usage_metadata.output_tokens <= 8);
let streamed = 0;
for await (const _ of await responses.stream(question)) {
  streamed++;
}
assert.ok(streamed > 1);

const vectors = await new OpenAIEmbeddings({ ...common }).embedDocuments(['one', 'two']);
assert.equal(vectors.length, 2);

// errors
await assert.rejects(
  new ChatOpenAI({ ...common, model: 'none-such' }).invoke(question),
  /none-such/,
);

// going away in the middle; the whole answer may be here already when this process is slow
const controller = new AbortController();
let seen = 0;
try {
  const stream = await new ChatOpenAI({ ...common, maxTokens: 1500 }).stream(question, {
    signal: controller.signal,
  });
  for await (const _ of stream) {
    if (++seen === 3) {
      controller.abort();
    }
  }
} catch (error) {
  assert.ok(controller.signal.aborted, error);
}
assert.ok(seen >= 3);
console.log('ok');
