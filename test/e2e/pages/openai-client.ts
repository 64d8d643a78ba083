export { APIError, OpenAI } from 'openai'
