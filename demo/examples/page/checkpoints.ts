/** A checkpoint that examples are written for. */
export interface Checkpoint {
  /** Download in GB, as its authors publish it. */
  readonly gigabytes: number
  /** A model of the same family that comes with the page, by its folder in models/. */
  readonly standIn?: string
}

export const checkpoints: Readonly<Record<string, Checkpoint>> = {
  'llava-hf/llava-1.5-7b-hf': { gigabytes: 14.1 },
  'microsoft/Phi-3.5-vision-instruct': { gigabytes: 8.3 },
  'Qwen/Qwen2-VL-2B-Instruct': { gigabytes: 4.4, standIn: 'ocellus-tiny-vl' },
  'openbmb/MiniCPM-V-2_6': { gigabytes: 16.2 },
  'fixie-ai/ultravox-v0_3': { gigabytes: 16.3 },
  'TIGER-Lab/VLM2Vec-Full': { gigabytes: 8.3 },
  'MrLight/dse-qwen2-2b-mrl-v1': { gigabytes: 4.4 },
}
