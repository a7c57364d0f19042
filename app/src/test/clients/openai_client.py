"""PyPI openai: `python openai_client.py URL MODEL`. Exits with 0 when all is as the client expects."""

import json
import sys

import openai
from pydantic import BaseModel

url, model = sys.argv[1:]
client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
messages = [{"role": "user", "content": "Where to?"}]
go = {
    "name": "go",
    "description": "Go there",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"to": {"enum": ["left", "right"]}},
        "required": ["to"],
        "additionalProperties": False,
    },
}
tools = [{"type": "function", "function": go}]

assert model in [each.id for each in client.models.list()]

# chat, whole and streamed
fixed = dict(model=model, messages=messages, temperature=0, max_completion_tokens=12)
whole = client.chat.completions.create(**fixed)
text = ""
usage = None
for chunk in client.chat.completions.create(
    **fixed, stream=True, stream_options={"include_usage": True}
):
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
    usage = chunk.usage or usage
assert text == whole.choices[0].message.content
assert usage == whole.usage

# extensions by vLLM's names
biased = client.chat.completions.create(
    **fixed, extra_body={"top_k": 1, "min_p": 0.1, "repetition_penalty": 1.1, "min_tokens": 2}
)
assert biased.usage.completion_tokens >= 2

# log-probabilities of both endpoints
scored = client.chat.completions.create(**fixed, logprobs=True, top_logprobs=2)
assert len(scored.choices[0].logprobs.content) == scored.usage.completion_tokens
echoed = client.completions.create(
    model=model, prompt="one two", max_tokens=0, echo=True, logprobs=1
)
assert echoed.choices[0].text == "one two"
assert echoed.choices[0].logprobs.token_logprobs[0] is None
assert echoed.choices[0].logprobs.token_logprobs[1] < 0


# structured output, read by the client's own helper
class Answer(BaseModel):
    right: bool


parsed = client.chat.completions.parse(model=model, messages=messages, response_format=Answer)
assert isinstance(parsed.choices[0].message.parsed.right, bool)

# tools: a call, streamed and put together by the client's own helper, and its result
with client.chat.completions.stream(
    model=model, messages=messages, tools=tools, tool_choice="required"
) as stream:
    for _ in stream:
        pass
    called = stream.get_final_completion().choices[0]
assert called.finish_reason == "tool_calls"
calls = called.message.tool_calls
assert all(json.loads(call.function.arguments)["to"] in ("left", "right") for call in calls)
history = messages + [
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [call.model_dump(include={"id", "type", "function"}) for call in calls],
    }
]
for call in history[1]["tool_calls"]:
    call["function"] = {name: call["function"][name] for name in ("name", "arguments")}
    history.append({"role": "tool", "tool_call_id": call["id"], "content": "gone"})
after = client.chat.completions.create(
    model=model, messages=history, tools=tools, tool_choice="none", max_completion_tokens=4
)
assert after.usage.prompt_tokens > whole.usage.prompt_tokens

# responses, whole and streamed
response = client.responses.create(
    model=model, input="Where to?", temperature=0, max_output_tokens=12
)
assert isinstance(response.output_text, str)
with client.responses.stream(
    model=model, input="Where to?", tools=[{"type": "function", **go}], tool_choice="required"
) as stream:
    numbers = [event.sequence_number for event in stream]
    final = stream.get_final_response()
assert numbers == list(range(len(numbers)))
assert final.output[0].type == "function_call"
parsed = client.responses.parse(model=model, input="Where to?", text_format=Answer)
assert isinstance(parsed.output_parsed.right, bool)

vectors = client.embeddings.create(model=model, input=["one", "two"])
assert len(vectors.data) == 2
assert abs(sum(x * x for x in vectors.data[0].embedding) - 1) < 1e-3

# errors
try:
    client.chat.completions.create(model="none-such", messages=messages)
    raise AssertionError("an unknown model answered")
except openai.NotFoundError as error:
    assert error.code == "model_not_found" and error.param == "model"
try:
    client.chat.completions.create(model=model, messages=messages, extra_body={"no_such": 1})
    raise AssertionError("an unknown parameter was taken")
except openai.BadRequestError as error:
    assert error.param == "no_such"

# going away in the middle
stream = client.chat.completions.create(
    model=model,
    messages=messages,
    stream=True,
    max_completion_tokens=1500,
    extra_body={"ignore_eos": True},
)
for seen, _ in enumerate(stream):
    if seen == 3:
        stream.close()
        break
print("ok")
