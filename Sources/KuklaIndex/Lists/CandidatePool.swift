import CKernels
import KuklaNumerics

/// The best of many candidates, in no order: a buffer that is cut down to them whenever it is full.
///
/// What is worse than the worst one kept never enters, and the cut looks for a score between the best and the rest by halving
/// the interval and counting: some passes at 16 scores an instruction, where sorting or Hoare's selection mispredicts a branch
/// for every other candidate. Of equal scores the lower number is better. Belongs to one thread.
struct CandidatePool {
    /// How many are kept.
    let width: Int
    /// What a score must reach to be kept; it rises.
    private(set) var bar = -Float.infinity
    private(set) var count = 0
    private let room: Int
    private let scores: UnsafeMutablePointer<Float>
    private let numbers: UnsafeMutablePointer<UInt32>
    private let kernels: kk_topk_kernels

    init(width: Int) {
        self.width = width
        room = 3 * width + 512
        scores = .allocate(capacity: room)
        numbers = .allocate(capacity: room)
        kernels = kk_topk_kernels_for(CPULevel.current.kernelLevel).pointee
    }

    func deallocate() {
        scores.deallocate()
        numbers.deallocate()
    }

    /// Forgets all candidates.
    mutating func reset() { (count, bar) = (0, -.infinity) }

    /// Offers `count` candidates.
    mutating func offer(_ offered: UnsafePointer<Float>, _ names: UnsafePointer<UInt32>, count new: Int) {
        guard width > 0 else { return }
        var start = 0
        while start < new {
            if room - count < min(256, new - start) { cut(atMost: width + width / 2) }
            let piece = min(room - count, new - start)
            if bar > -.infinity {
                // Equal scores may win by their number.
                count += kernels.collect_above_f32(
                    offered + start, names + start, piece, bar.nextDown, scores + count, numbers + count)
            } else {
                for i in 0..<piece { scores[count + i] = ScoredRow.ranked(offered[start + i]) }
                (numbers + count).update(from: names + start, count: piece)
                count += piece
            }
            start += piece
        }
    }

    /// Lets `body` read scores and numbers of the best `width`, in no order.
    mutating func withBest<Result>(
        _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<UInt32>) throws -> Result
    ) rethrows -> Result {
        cut(atMost: width)
        return try body(
            UnsafeBufferPointer(start: scores, count: count),
            UnsafeBufferPointer(start: numbers, count: count))
    }

    /// The best `width`, best first.
    mutating func ranked() -> [ScoredRow] {
        let width = width
        return withBest { scores, numbers in
            ScoredRow.best(
                width, of: scores.indices.map { ScoredRow(score: scores[$0], id: Int(numbers[$0])) })
        }
    }

    /// Forgets all but the best `width`, or a few more.
    private mutating func cut(atMost most: Int) {
        guard count > most else { return }
        // At least `width` reach `low`, fewer reach `high`: as whole numbers in the order of scores.
        var low = max(GraphBeam.order(bar), GraphBeam.order(-.infinity))
        var high = GraphBeam.order(.infinity) + 1
        while high - low > 1 {
            let middle = low + (high - low) / 2
            let found = reaching(GraphBeam.score(middle))
            if found < width { high = middle } else { low = middle }
            if found >= width, found <= most { break }
        }
        bar = GraphBeam.score(low)
        if bar > -.infinity {
            count = kernels.collect_above_f32(scores, numbers, count, bar.nextDown, scores, numbers)
        }
        if count > most { dropEqual() }
    }

    private func reaching(_ score: Float) -> Int {
        kernels.count_above_f32(scores, count, score.nextDown)
    }

    /// Keeps of those that score exactly `bar` the lowest numbers.
    private mutating func dropEqual() {
        var equal: [UInt32] = []
        var kept = 0
        for i in 0..<count {
            if scores[i] > bar {
                (scores[kept], numbers[kept]) = (scores[i], numbers[i])
                kept += 1
            } else {
                equal.append(numbers[i])
            }
        }
        for number in equal.sorted().prefix(width - kept) {
            (scores[kept], numbers[kept]) = (bar, number)
            kept += 1
        }
        count = kept
    }
}
