import { keepServing } from './keep-serving.ts'
import { serveEngine } from './serve-engine.ts'

keepServing(serveEngine())
