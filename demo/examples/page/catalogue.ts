/** An example: its file beside this folder, without the ending, and what it is called on the page. */
export interface Entry {
  readonly name: string
  readonly title: string
}

const entry = (name: string, title: string): Entry => ({ name, title })

/** All examples in reading order. Offline ones call the model, online ones an endpoint inside the page. */
export const catalogue: readonly { readonly title: string; readonly entries: readonly Entry[] }[] = [
  {
    title: 'Pictures',
    entries: [
      entry('image-single', 'A picture and a question'),
      entry('image-batch', 'A batch of prompts'),
      entry('image-multi', 'Several pictures in a prompt'),
      entry('image-chat', 'Pictures in a chat'),
      entry('image-slices', 'A large picture in slices'),
      entry('frames-as-images', 'Frames of a video as pictures'),
    ],
  },
  {
    title: 'Video and sound',
    entries: [entry('video-frames', 'A clip as frames'), entry('video-file', 'A video file'), entry('audio', 'A sound')],
  },
  {
    title: 'Pre-computed features',
    entries: [
      entry('image-embeds-llava', 'Features for LLaVA'),
      entry('image-embeds-qwen2-vl', 'Features for Qwen2-VL'),
      entry('image-embeds-minicpmv', 'Features for MiniCPM-V'),
    ],
  },
  {
    title: 'Embeddings',
    entries: [entry('embed-vlm2vec', 'VLM2Vec'), entry('embed-dse-qwen2', 'DSE-Qwen2: finding pages')],
  },
  {
    title: 'OpenAI endpoint: chat',
    entries: [
      entry('online-image', 'One picture'),
      entry('online-multi-image', 'Several pictures'),
      entry('online-interleaved', 'Text and pictures by turns'),
      entry('online-video-url', 'A video by its address'),
      entry('online-input-audio', 'A sound in base64'),
      entry('online-audio-url', 'A sound by its address'),
    ],
  },
  {
    title: 'OpenAI endpoint: features',
    entries: [
      entry('online-image-embeds-llava', 'Features for LLaVA'),
      entry('online-image-embeds-qwen2-vl', 'Features for Qwen2-VL'),
      entry('online-image-embeds-minicpmv', 'Features for MiniCPM-V'),
    ],
  },
  {
    title: 'OpenAI endpoint: embeddings',
    entries: [entry('online-embeddings-vlm2vec', 'VLM2Vec'), entry('online-embeddings-dse-qwen2', 'DSE-Qwen2')],
  },
]
