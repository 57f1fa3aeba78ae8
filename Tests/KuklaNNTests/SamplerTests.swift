import Foundation
import KuklaNN
import KuklaNumerics
import Testing

struct SamplerCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable (_ seed: UInt64) -> any BatchSampler
}

@Suite struct SamplerTests {
    static let labels: [Int32] = {
        var random = RandomSource(seed: 5)
        // Classes 0...6 of very different sizes, one of a single example.
        return (0..<100).map { _ in Int32(random.uniform() * random.uniform() * 7) } + [9]
    }()
    static let lengths: [Int] = {
        var random = RandomSource(seed: 6)
        return (0..<1000).map { _ in Int.random(in: 1...128, using: &random) }
    }()

    static let cases: [SamplerCase] = [
        SamplerCase(testDescription: "shuffled") { ShuffledSampler(count: 101, batchSize: 8, seed: $0) },
        SamplerCase(testDescription: "buckets") {
            LengthBucketSampler(lengths: lengths, batchSize: 16, tokenBudget: 700, seed: $0)
        },
        SamplerCase(testDescription: "balanced") {
            ClassBalancedSampler(labels: labels, batchSize: 8, seed: $0)
        },
        SamplerCase(testDescription: "PK") {
            PKSampler(labels: labels, classesPerBatch: 3, examplesPerClass: 4, seed: $0)
        },
    ]

    @Test(arguments: cases) func `an epoch follows from seed and number`(_ sampler: SamplerCase) {
        for seed in [UInt64(0), 1, .max] {
            let first = sampler.make(seed).batches(inEpoch: 3)
            #expect(first == sampler.make(seed).batches(inEpoch: 3))
            #expect(first != sampler.make(seed).batches(inEpoch: 4))
            #expect(first != sampler.make(seed &+ 1).batches(inEpoch: 3))
            #expect(first.allSatisfy { !$0.isEmpty })
        }
    }

    @Test(arguments: cases) func `a stream goes on from any position as if it had never stopped`(
        _ sampler: SamplerCase
    ) throws {
        var stream = BatchStream(sampler.make(7))
        let perEpoch = stream.batchesInEpoch
        var seen: [[Int]] = []
        var positions: [DataPosition] = []
        for _ in 0..<2 * perEpoch + 3 {
            positions.append(stream.position)
            let batch = stream.next()
            seen.append(try #require(batch))
        }
        #expect(stream.position.epoch == 2 && stream.position.batch == 3)
        for start in [0, 1, perEpoch - 1, perEpoch, perEpoch + 1, 2 * perEpoch] {
            let saved = try JSONDecoder().decode(
                DataPosition.self, from: JSONEncoder().encode(positions[start]))
            var again = BatchStream(sampler.make(7), at: saved)
            let next = [again.next(), again.next()]
            #expect(next == [seen[start], seen[start + 1]])
        }
    }

    @Test(arguments: [1, 2, 7, 100, 1000])
    func `a shuffled epoch has every item once`(_ batchSize: Int) {
        for seed in 0..<5 {
            let batches = ShuffledSampler(count: 100, batchSize: batchSize, seed: UInt64(seed)).batches(
                inEpoch: 0)
            #expect(batches.flatMap(\.self).sorted() == Array(0..<100))
            #expect(batches.dropLast().allSatisfy { $0.count == batchSize })
            let whole = ShuffledSampler(
                count: 100, batchSize: batchSize, seed: UInt64(seed), droppingLast: true)
            #expect(whole.batches(inEpoch: 0).allSatisfy { $0.count == batchSize })
        }
    }

    @Test func `an empty data set has no batch`() {
        let empty: [any BatchSampler] = [
            ShuffledSampler(count: 0, batchSize: 4, seed: 1), SequentialSampler(count: 0, batchSize: 4),
            LengthBucketSampler(lengths: [], batchSize: 4, seed: 1),
            ClassBalancedSampler(labels: [], batchSize: 4, seed: 1),
            PKSampler(labels: [], classesPerBatch: 2, examplesPerClass: 2, seed: 1),
            PKSampler(labels: [1, 1], classesPerBatch: 2, examplesPerClass: 2, seed: 1),
        ]
        for sampler in empty {
            var stream = BatchStream(sampler)
            let batch = stream.next()
            #expect(batch == nil)
        }
    }

    @Test func `buckets hold every item once, of like lengths, within the budget`() {
        for seed in 0..<5 {
            let lengths = SamplerTests.lengths
            let sampler = LengthBucketSampler(
                lengths: lengths, batchSize: 16, tokenBudget: 700, poolSize: 500, seed: UInt64(seed))
            let batches = sampler.batches(inEpoch: 0)
            #expect(batches.flatMap(\.self).sorted() == Array(lengths.indices))
            var padded = 0
            for batch in batches {
                #expect(batch.count <= 16 && batch.reduce(0) { $0 + lengths[$1] } <= 700)
                padded += (batch.map { lengths[$0] }.max() ?? 0) * batch.count
            }
            // Random batches would pad to almost twice the tokens.
            #expect(Double(padded) < 1.1 * Double(lengths.reduce(0, +)))
            // Lengths do not rise from batch to batch.
            let means = batches.map { Double($0.reduce(0) { $0 + lengths[$1] }) / Double($0.count) }
            let rises = zip(means, means.dropFirst()).filter { $0 < $1 }.count
            #expect(rises > batches.count / 4 && rises < batches.count * 3 / 4)
        }
        let long = LengthBucketSampler(lengths: [5, 900, 5], batchSize: 8, tokenBudget: 100, seed: 1)
        #expect(Set(long.batches(inEpoch: 0).map { Set($0) }) == [[0, 2], [1]])
    }

    @Test func `balanced batches have every class equally often`() {
        for seed in 0..<5 {
            let labels = SamplerTests.labels
            let classes = Set(labels).count
            let items = ClassBalancedSampler(labels: labels, batchSize: 8, seed: UInt64(seed))
                .batches(inEpoch: 1).flatMap(\.self)
            #expect(items.count == 96)
            let counts = Dictionary(grouping: items) { labels[$0] }.mapValues(\.count)
            #expect(counts.count == classes)
            #expect(
                counts.values.allSatisfy { $0 == items.count / classes || $0 == items.count / classes + 1 })
            // Within a class no item comes again before all others came.
            for (label, count) in counts {
                let members = labels.filter { $0 == label }.count
                let uses = Dictionary(grouping: items.filter { labels[$0] == label }) { $0 }.mapValues(
                    \.count)
                #expect(uses.values.allSatisfy { $0 <= (count + members - 1) / members })
            }
        }
    }

    @Test func `a batch of P x K has P classes of K examples`() {
        for seed in 0..<5 {
            let labels = SamplerTests.labels
            let batches = PKSampler(
                labels: labels, classesPerBatch: 3, examplesPerClass: 4, seed: UInt64(seed)
            )
            .batches(inEpoch: 0)
            #expect(batches.count > 4)
            for batch in batches {
                #expect(batch.count == 12)
                let groups = stride(from: 0, to: 12, by: 4).map { Array(batch[$0..<$0 + 4]) }
                #expect(Set(groups.map { labels[$0[0]] }).count == 3)
                for group in groups {
                    #expect(Set(group.map { labels[$0] }).count == 1)
                    // Different examples wherever the class has four.
                    let members = labels.filter { $0 == labels[group[0]] }.count
                    #expect(Set(group).count == min(4, members))
                }
            }
        }
    }

    @Test func `a split has every item once and keeps groups together`() {
        for seed in 0..<5 {
            let split = DataSplit(count: 100, validationFraction: 0.15, seed: UInt64(seed))
            #expect(split.validation.count == 15)
            #expect((split.training + split.validation).sorted() == Array(0..<100))
            #expect(split == DataSplit(count: 100, validationFraction: 0.15, seed: UInt64(seed)))
            #expect(split != DataSplit(count: 100, validationFraction: 0.15, seed: UInt64(seed) + 100))
            let groups = (0..<100).map { $0 % 20 }
            let grouped = DataSplit(groups: groups, validationFraction: 0.25, seed: UInt64(seed))
            #expect(grouped.validation.count == 25)
            #expect(
                Set(grouped.validation.map { groups[$0] }).isDisjoint(
                    with: grouped.training.map { groups[$0] }))
        }
        #expect(DataSplit(count: 3, validationFraction: 0, seed: 1).validation.isEmpty)
        #expect(DataSplit(count: 3, validationFraction: 1, seed: 1).training.isEmpty)
        #expect(
            DataSplit(count: 0, validationFraction: 0.5, seed: 1)
                == DataSplit(groups: [], validationFraction: 0, seed: 1))
    }
}
