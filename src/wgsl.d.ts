// A shader is imported as its text: `import code from '../../shaders/rms-norm.wgsl'`. scripts/wgsl-plugin.ts makes it so in every build.
declare module '*.wgsl' {
  const code: string
  export default code
}
