package import CKernels
import KuklaNumerics

/// The inner loops of training, for the processor's level.
package var trainingKernels: kk_training_kernels {
    kk_training_kernels_for(CPULevel.current.kernelLevel).pointee
}

/// Rows of `columns` elements that make a block worth a thread.
package func rowGrain(_ columns: Int) -> Int { max(1, elementGrain / max(columns, 1)) }

/// Runs `body` over blocks of rows that each add to sums of their own, and adds these up in the order of the blocks:
/// `body` gets a block and where its `width` sums, zero at first, lie. At most 16 blocks, whatever the threads.
package func summingOverRows(
    _ rows: Int, columns: Int, width: Int,
    _ body: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) -> Void
) -> Tensor {
    let grain = max(rowGrain(columns), (rows + 15) / 16)
    let blocks = max(1, (rows + grain - 1) / grain)
    let partial = Tensor.zeros([blocks, width])
    nonisolated(unsafe) let sums = UnsafeMutablePointer(mutating: partial.pointer)  // a row for each block
    withExtendedLifetime(partial) {
        tensorFor(rows, grain: grain) { body($0, sums + $0.lowerBound / grain * width) }
        for block in 1..<blocks {
            for i in 0..<width { sums[i] += sums[block * width + i] }
        }
    }
    return Tensor(shape: [width], storage: partial.storage)
}
