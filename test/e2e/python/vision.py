"""What vLLM's examples for pictures do, in small: one picture, several of them, and an answer as it is written.

Arguments: base URL, two picture URLs. Prints one JSON object.
"""

import base64
import json
import sys
import urllib.request

from openai import OpenAI

base_url, first_url, second_url = sys.argv[1:]
client = OpenAI(api_key="EMPTY", base_url=base_url)
model = client.models.list().data[0].id


def encode(url):
    with urllib.request.urlopen(url) as response:
        return base64.b64encode(response.read()).decode("utf-8")


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def ask(parts, text, **more):
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": [{"type": "text", "text": text}, *parts]}],
        max_completion_tokens=24,
        temperature=0,
        **more,
    )


question = "Describe the picture."
by_url = ask([image(first_url)], question)
by_base64 = ask([image(f"data:image/png;base64,{encode(first_url)}")], question)
several = ask([image(first_url), image(second_url)], "What are the animals in these images?")
streamed = ""
finish_reasons = []
for chunk in ask([image(first_url)], question, stream=True, extra_body={"top_k": 1}):
    streamed += chunk.choices[0].delta.content or ""
    if chunk.choices[0].finish_reason:
        finish_reasons.append(chunk.choices[0].finish_reason)

print(
    json.dumps(
        {
            "model": model,
            "by_url": by_url.choices[0].message.content,
            "by_base64": by_base64.choices[0].message.content,
            "several": several.choices[0].message.content,
            "one_tokens": by_url.usage.prompt_tokens,
            "several_tokens": several.usage.prompt_tokens,
            "streamed": streamed,
            "finish_reasons": finish_reasons,
        }
    )
)
