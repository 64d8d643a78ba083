import { describe, expect, it } from 'vitest'
import { isRouted } from '../../../src/server/sw-routes.ts'

const scope = 'https://host.example/repo/'

describe('what a service worker answers', () => {
  const cases: [boolean, string, string, RequestMode?][] = [
    [true, 'GET', 'https://host.example/repo/v1/models'],
    [true, 'GET', 'https://host.example/repo/v1/models/Qwen/Qwen2-VL-2B-Instruct'],
    [true, 'GET', 'https://host.example/repo/health'],
    [true, 'GET', 'https://host.example/repo/version?verbose=1'],
    [true, 'POST', 'https://host.example/repo/v1/chat/completions'],
    [true, 'POST', 'https://host.example/repo/v1/no-such-route'],
    [true, 'POST', 'https://host.example/repo/tokenize'],
    [true, 'POST', 'https://host.example/repo/detokenize'],
    [false, 'GET', 'https://host.example/repo/v1/models', 'navigate'],
    [false, 'POST', 'https://host.example/repo/v1/chat/completions', 'navigate'],
    [false, 'GET', 'https://host.example/repo/v1/chat/completions'],
    [false, 'GET', 'https://host.example/repo/v1/modelsandmore'],
    [false, 'POST', 'https://host.example/repo/v1/models'],
    [false, 'POST', 'https://host.example/repo/health'],
    [false, 'DELETE', 'https://host.example/repo/v1/models/x'],
    [false, 'HEAD', 'https://host.example/repo/health'],
    [false, 'GET', 'https://host.example/repo/healthy'],
    [false, 'GET', 'https://host.example/repo/app/health'],
    [false, 'GET', 'https://host.example/v1/models'],
    [false, 'GET', 'https://host.example/repository/v1/models'],
    [false, 'GET', 'https://other.example/repo/v1/models'],
    [false, 'GET', 'http://host.example/repo/v1/models'],
  ]
  for (const [answered, method, url, mode = 'cors'] of cases) {
    it(`${answered ? 'takes' : 'leaves'} ${method} ${url} (${mode})`, () => {
      expect(isRouted({ method, url, mode }, scope)).toBe(answered)
    })
  }
})
