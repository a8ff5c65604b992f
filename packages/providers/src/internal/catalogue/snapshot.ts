// Prices and facts of models, as data. Written by scripts/prices.mjs, one model per line; only `cost.windows` is ours and
// kept by hand. See Catalogue.ts for what is made of it.
//
// Source: models.dev, MIT, Copyright (c) 2025 spin.dev; the licence stands in LICENSE.models.dev.txt. `commit` is the commit
// of https://github.com/anomalyco/models.dev at which `providers/<provider>/models/<model>.toml` was read; `asOf` is the day
// of reading, and what was read may be older. USD per million tokens. Left out is what was not found, was about to end
// (introductory prices), or was contradicted by another version of its file.
//
// deepseek: base prices are those of the peak hours (Mon-Fri 01-04 and 06-10 UTC), `windows` half of them at any other
// time, from https://api-docs.deepseek.com/quick_start/pricing, read 2026-11-15. Chinese holidays are off-peak too and not
// in here: on those days the cost comes out twice too high. alibaba, moonshotai and siliconflow are the international
// price lists, volcengine is converted from CNY at 6.737012 (2026-08-26).
// biome-ignore format: one model per line
export const snapshot = {
  "asOf": "2026-11-22",
  "source": "https://models.dev",
  "providers": {
    "alibaba": { "models": {
      "qwen-flash": {"cost": {"input": 0.05, "output": 0.4, "cache_read": 0.01, "cache_write": 0.063, "tiers": [{"tier": {"size": 256000}, "input": 0.25, "output": 2, "cache_read": 0.05, "cache_write": 0.313}]}, "limit": {"context": 1000000, "output": 32768}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "structured_output": true, "commit": "0654d77c"},
      "qwen-plus": {"cost": {"input": 0.4, "output": 1.2, "cache_read": 0.08, "cache_write": 0.5, "reasoning": 4, "tiers": [{"tier": {"size": 256000}, "input": 1.2, "output": 3.6, "cache_read": 0.24, "cache_write": 1.5, "reasoning": 12}]}, "limit": {"context": 1000000, "output": 32768}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "structured_output": true, "commit": "0654d77c"},
      "qwen3-max": {"cost": {"input": 1.2, "output": 6, "cache_read": 0.24, "cache_write": 1.5, "tiers": [{"tier": {"size": 32000}, "input": 2.4, "output": 12, "cache_read": 0.48, "cache_write": 3}, {"tier": {"size": 128000}, "input": 3, "output": 15, "cache_read": 0.6, "cache_write": 3.75}]}, "limit": {"context": 262144, "output": 65536}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": false, "structured_output": true, "commit": "0654d77c"}
    } },
    "amazon-bedrock": { "models": {
      "anthropic.claude-haiku-4-5-20251001-v1:0": {"cost": {"input": 1, "output": 5, "cache_read": 0.1, "cache_write": 1.25}, "limit": {"context": 200000, "output": 64000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "ecee1e62"},
      "anthropic.claude-sonnet-4-5-20250929-v1:0": {"cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}, "limit": {"context": 200000, "output": 64000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "ecee1e62"}
    } },
    "anthropic": { "models": {
      "claude-haiku-4-5": {"cost": {"input": 1, "output": 5, "cache_read": 0.1, "cache_write": 1.25}, "limit": {"context": 200000, "output": 64000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "482fb019"},
      "claude-opus-4-8": {"cost": {"input": 5, "output": 25, "cache_read": 0.5, "cache_write": 6.25}, "limit": {"context": 1000000, "output": 128000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "7ea1d4e1"},
      "claude-opus-5-5": {"cost": {"input": 4, "output": 20, "cache_read": 0.2, "cache_write": 5}, "structured_output": true, "commit": "482fb019"},
      "claude-sonnet-4-5": {"cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}, "limit": {"context": 200000, "output": 64000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "179029e9"},
      "claude-sonnet-4-6": {"cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}, "limit": {"context": 1000000, "output": 64000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "7fbe2242"},
      "claude-sonnet-5-5": {"cost": {"input": 2, "output": 10, "cache_read": 0.1, "cache_write": 2.5}, "structured_output": true, "commit": "482fb019"}
    } },
    "azure": { "models": {
      "gpt-4o-mini": {"cost": {"input": 0.15, "output": 0.6, "cache_read": 0.075}, "limit": {"context": 128000, "output": 16384}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": false, "tool_call": true, "commit": "f6c6f043"},
      "gpt-5": {"cost": {"input": 1.25, "output": 10, "cache_read": 0.13}, "limit": {"context": 272000, "output": 128000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "ecee1e62"},
      "gpt-5-mini": {"cost": {"input": 0.25, "output": 2, "cache_read": 0.03}, "limit": {"context": 272000, "output": 128000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "ecee1e62"}
    } },
    "deepseek": { "models": {
      "deepseek-flash": {"cost": {"input": 0.3, "output": 1.2, "cache_read": 0.006, "windows": [{"hours": [{"days": [1, 2, 3, 4, 5], "from": 0, "to": 1}, {"days": [1, 2, 3, 4, 5], "from": 4, "to": 6}, {"days": [1, 2, 3, 4, 5], "from": 10, "to": 24}, {"days": [0, 6], "from": 0, "to": 24}], "input": 0.15, "output": 0.6, "cache_read": 0.003}]}, "limit": {"context": 1000000, "output": 384000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "23c42445"},
      "deepseek-v4-pro": {"cost": {"input": 1.32, "output": 3.96, "cache_read": 0.044, "windows": [{"hours": [{"days": [1, 2, 3, 4, 5], "from": 0, "to": 1}, {"days": [1, 2, 3, 4, 5], "from": 4, "to": 6}, {"days": [1, 2, 3, 4, 5], "from": 10, "to": 24}, {"days": [0, 6], "from": 0, "to": 24}], "input": 0.66, "output": 1.98, "cache_read": 0.022}]}, "limit": {"context": 1000000, "output": 384000}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "2b3ef3b6"}
    } },
    "google": { "models": {
      "gemini-2.5-flash": {"cost": {"input": 0.3, "output": 2.5, "cache_read": 0.03}, "limit": {"context": 1048576, "output": 65536}, "modalities": {"input": ["text", "image", "audio", "video", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "0760ceff"},
      "gemini-2.5-flash-lite": {"cost": {"input": 0.1, "output": 0.4, "cache_read": 0.01}, "limit": {"context": 1048576, "output": 65536}, "modalities": {"input": ["text", "image", "audio", "video", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "19565ce2"},
      "gemini-2.5-pro": {"cost": {"input": 1.25, "output": 10, "cache_read": 0.125, "tiers": [{"tier": {"size": 200000}, "input": 2.5, "output": 15, "cache_read": 0.25}]}, "limit": {"context": 1048576, "output": 65536}, "modalities": {"input": ["text", "image", "audio", "video", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "0760ceff"}
    } },
    "groq": { "models": {
      "openai/gpt-oss-120b": {"cost": {"input": 0.15, "output": 0.6, "cache_read": 0.075}, "limit": {"context": 131072, "output": 65536}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "3beb135e"},
      "openai/gpt-oss-20b": {"cost": {"input": 0.075, "output": 0.3, "cache_read": 0.0375}, "limit": {"context": 131072, "output": 65536}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "3beb135e"},
      "qwen/qwen3-32b": {"cost": {"input": 0.29, "output": 0.59}, "limit": {"context": 131072, "output": 40960}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "3beb135e"}
    } },
    "mistral": { "models": {
      "codestral-latest": {"cost": {"input": 0.3, "output": 0.9}, "limit": {"context": 256000, "output": 4096}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": false, "tool_call": true, "structured_output": true, "commit": "20de0b7e"},
      "mistral-large-2512": {"cost": {"input": 0.5, "output": 1.5}, "limit": {"context": 262144, "output": 262144}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": false, "tool_call": true, "structured_output": true, "commit": "7fbe2242"}
    } },
    "moonshotai": { "models": {
      "kimi-k2.5": {"cost": {"input": 0.6, "output": 3, "cache_read": 0.1}, "limit": {"context": 262144, "output": 262144}, "modalities": {"input": ["text", "image", "video"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "ca3eb39f"},
      "kimi-k2.6": {"cost": {"input": 0.95, "output": 4, "cache_read": 0.16}, "limit": {"context": 262144, "output": 262144}, "modalities": {"input": ["text", "image", "video"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "3e8bec11"},
      "kimi-k3": {"cost": {"input": 3, "output": 15, "cache_read": 0.3}, "limit": {"output": 1048576}, "commit": "4627ad23"}
    } },
    "openai": { "models": {
      "gpt-5": {"cost": {"input": 1.25, "output": 10, "cache_read": 0.125}, "limit": {"context": 400000, "output": 128000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "0760ceff"},
      "gpt-5-mini": {"cost": {"input": 0.25, "output": 2, "cache_read": 0.025}, "limit": {"context": 400000, "output": 128000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "8734c00c"},
      "gpt-5-nano": {"cost": {"input": 0.05, "output": 0.4, "cache_read": 0.005}, "limit": {"context": 400000, "output": 128000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "0760ceff"},
      "gpt-5.5": {"cost": {"input": 5, "output": 30, "cache_read": 0.5, "tiers": [{"tier": {"size": 272000}, "input": 10, "output": 45, "cache_read": 1}]}, "limit": {"context": 1050000, "output": 128000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "2593e131"},
      "gpt-6-astra": {"cost": {"input": 10, "output": 50, "cache_read": 1, "cache_write": 12.5, "tiers": [{"tier": {"size": 272000}, "input": 20, "output": 75, "cache_read": 2, "cache_write": 25}]}, "limit": {"context": 1050000, "output": 128000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "e2f67ad6"},
      "o3": {"cost": {"input": 2, "output": 8, "cache_read": 0.5}, "limit": {"context": 200000, "output": 100000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "8734c00c"},
      "o4-mini": {"cost": {"input": 1.1, "output": 4.4, "cache_read": 0.275}, "limit": {"context": 200000, "output": 100000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "0760ceff"}
    } },
    "openrouter": { "models": {
      "openai/gpt-5-mini": {"cost": {"input": 0.25, "output": 2, "cache_read": 0.025}, "limit": {"context": 400000, "output": 128000}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "054da7d8"},
      "openai/gpt-oss-120b": {"cost": {"input": 0.039, "output": 0.19}, "limit": {"context": 131072, "output": 4096}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "39b09c42"}
    } },
    "siliconflow": { "models": {
      "Qwen/Qwen3-32B": {"cost": {"input": 0.14, "output": 0.57}, "limit": {"context": 131000, "output": 131000}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": false, "tool_call": true, "structured_output": true, "commit": "057651a9"},
      "deepseek-ai/DeepSeek-V3.2": {"cost": {"input": 0.27, "output": 0.42}, "limit": {"output": 164000}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "088a717a"}
    } },
    "togetherai": { "models": {
      "deepseek-ai/DeepSeek-V3": {"cost": {"input": 1.25, "output": 1.25}, "limit": {"context": 131072, "output": 131072}, "modalities": {"input": ["text"], "output": ["text"]}, "tool_call": true, "commit": "dfcf5ba1"},
      "meta-llama/Llama-3.3-70B-Instruct-Turbo": {"cost": {"input": 0.88, "output": 0.88}, "limit": {"context": 131072, "output": 8192}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": false, "tool_call": true, "structured_output": true, "commit": "89b6e0bb"},
      "moonshotai/Kimi-K2.6": {"cost": {"input": 1.2, "output": 4.5, "cache_read": 0.2}, "limit": {"context": 262144, "output": 131000}, "modalities": {"input": ["text", "image", "video"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "8521822a"}
    } },
    "volcengine": { "models": {
      "doubao-seed-2.1-pro": {"cost": {"input": 0.8906, "output": 4.45301, "cache_read": 0.17812}, "commit": "71a1b686"},
      "doubao-seed-2.1-turbo": {"cost": {"input": 0.4453, "output": 2.22651, "cache_read": 0.08906}, "commit": "71a1b686"}
    } },
    "xai": { "models": {
      "grok-4.3": {"cost": {"input": 1.25, "output": 2.5, "cache_read": 0.2, "tiers": [{"tier": {"size": 200000}, "input": 2.5, "output": 5, "cache_read": 0.4}]}, "limit": {"context": 1000000, "output": 30000}, "modalities": {"input": ["text", "image"], "output": ["text"]}, "reasoning": true, "tool_call": true, "commit": "2593e131"},
      "grok-4.7": {"cost": {"input": 2, "output": 6, "cache_read": 0.5, "tiers": [{"tier": {"size": 200000}, "input": 4, "output": 12, "cache_read": 1}]}, "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]}, "commit": "c8249f13"},
      "grok-code-fast-1": {"cost": {"input": 0.2, "output": 1.5, "cache_read": 0.02}, "limit": {"context": 256000, "output": 10000}, "modalities": {"input": ["text"], "output": ["text"]}, "reasoning": true, "tool_call": true, "structured_output": true, "commit": "7fbe2242"}
    } }
  }
}
