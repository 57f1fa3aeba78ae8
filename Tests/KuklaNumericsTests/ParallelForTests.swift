import KuklaNumerics
import Synchronization
import Testing

@Suite struct ParallelForTests {
    @Test(arguments: [0, 1, 9, 10, 11, 1000], [1, 2, 7])
    func `every index is visited once`(count: Int, threads: Int) {
        let visits = Mutex([Int](repeating: 0, count: count))
        parallelFor(count, grain: 10, threads: threads) { block in
            visits.withLock { for i in block { $0[i] += 1 } }
        }
        #expect(visits.withLock { $0.allSatisfy { $0 == 1 } })
    }

    @Test func `an error stops the work and arrives`() {
        struct Stop: Error, Equatable { let at: Int }
        let ran = Mutex(0)
        #expect(throws: Stop(at: 30)) {
            try parallelFor(1_000_000, grain: 10, threads: 2) { block in
                ran.withLock { $0 += 1 }
                if block.lowerBound == 30 { throw Stop(at: 30) }
            }
        }
        #expect(ran.withLock { $0 } < 100_000)
    }
}

@Suite struct RandomSourceTests {
    @Test func `the same seed gives the same numbers`() {
        var a = RandomSource(seed: 42)
        var b = RandomSource(seed: 42)
        #expect((0..<100).allSatisfy { _ in a.next() == b.next() })
    }

    @Test func `uniform and normal numbers have their moments`() {
        var random = RandomSource(seed: 7)
        let n = 100_000
        let uniform = (0..<n).map { _ in Double(random.uniform()) }
        let normal = (0..<n).map { _ in Double(random.normal()) }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        // Standard errors: 0.0009 and 0.0032; five of them.
        #expect(abs(uniform.reduce(0, +) / Double(n) - 0.5) < 0.005)
        #expect(abs(normal.reduce(0, +) / Double(n)) < 0.016)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(n) - 1) < 0.023)
    }

    @Test func `a sample holds different numbers`() {
        var random = RandomSource(seed: 1)
        #expect(Set(random.sample(50, below: 60)).count == 50)
        #expect(random.sample(9, below: 4).sorted() == [0, 1, 2, 3])
    }
}
