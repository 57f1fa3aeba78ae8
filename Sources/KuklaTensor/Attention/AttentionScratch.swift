import CKernels
import KuklaNumerics

/// The working memory of one thread for one unit at a time.
///
/// Rows are `paddedDimensions` wide; panels are as `kk_attention_kernels.pack_transposed` writes them.
struct AttentionScratch {
    let queries, output: UnsafeMutablePointer<Float>
    let keys, values, keyPanels, valuePanels: UnsafeMutablePointer<Float>
    let outputGradient, keyGradient, valueGradient: UnsafeMutablePointer<Float>
    let scores, scoreGradient: UnsafeMutablePointer<Float>
    /// Biases of a block, where they are computed.
    let bias: UnsafeMutablePointer<Float>
    /// For each query: factor, delta or inverse sum.
    let factor, perQuery: UnsafeMutablePointer<Float>
    let prefix, lower, upper: UnsafeMutablePointer<Int32>
    let dropoutKeys: UnsafeMutablePointer<UInt32>
    let kernels: UnsafePointer<kk_attention_kernels>
    private let floats: AlignedStorage<Float>
    private let integers: AlignedStorage<Int32>

    init(plan: AttentionPlan, queries: Int, keys: Int, isBackward: Bool) {
        let d = plan.paddedDimensions
        let paddedKeys = (keys + 31) / 32 * 32
        let queryRows = queries * d
        let keyRows = paddedKeys * d
        // At least `blockRows(k) * k`, k rounded up to 32, for every k up to `keys`.
        let scoreCount = min(queries * paddedKeys, max(112 * 328, 14 * paddedKeys)) + 16
        let isBiasComputed = if case .byPosition = plan.options.bias { true } else { false }
        let sizes = [
            queryRows, queryRows, keyRows, keyRows, keyRows, scoreCount, queries, queries,
            isBackward ? queryRows : 0, isBackward ? keyRows : 0, isBackward ? keyRows : 0,
            isBackward ? keyRows : 0, isBackward ? scoreCount : 0, isBiasComputed ? scoreCount : 0,
        ].map { ($0 + 15) / 16 * 16 }
        floats = AlignedStorage<Float>(uninitialized: sizes.reduce(16, +))
        var next = floats.pointer
        let parts = sizes.map { size in
            defer { next += size }
            return next
        }
        self.queries = parts[0]
        output = parts[1]
        self.keys = parts[2]
        values = parts[3]
        keyPanels = parts[4]
        scores = parts[5]
        factor = parts[6]
        perQuery = parts[7]
        outputGradient = parts[8]
        valuePanels = parts[9]
        keyGradient = parts[10]
        valueGradient = parts[11]
        scoreGradient = parts[12]
        bias = parts[13]
        integers = AlignedStorage<Int32>(uninitialized: 4 * max(queries, 1))
        prefix = integers.pointer
        lower = prefix + queries
        upper = lower + queries
        dropoutKeys = UnsafeMutableRawPointer(upper + queries).bindMemory(to: UInt32.self, capacity: queries)
        kernels = kk_attention_kernels_for(CPULevel.current.kernelLevel)
    }
}
