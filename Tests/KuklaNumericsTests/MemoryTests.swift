import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct MemoryTests {
    @Test func `free ranges join their neighbours, whatever the order`() {
        for seed in 1...20 {
            var random = RandomSource(seed: UInt64(seed))
            var free = FreeRanges()
            free.insert(FreeRanges.Range(start: 1000, size: 500))
            free.insert(FreeRanges.Range(start: 2000, size: 700))
            var used: [FreeRanges.Range] = []
            for _ in 0..<200 {
                if Bool.random(using: &random), let i = used.indices.randomElement(using: &random) {
                    free.insert(used.remove(at: i))
                } else {
                    let size = Int.random(in: 1...90, using: &random)
                    let room = free.ranges.map(\.size).filter { $0 >= size }.min()
                    guard let start = free.take(size) else {
                        #expect(room == nil)
                        continue
                    }
                    #expect(room != nil)
                    used.append(FreeRanges.Range(start: start, size: size))
                }
                let all = (free.ranges + used).sorted { $0.start < $1.start }
                #expect(zip(all, all.dropFirst()).allSatisfy { $0.end <= $1.start })
                #expect(zip(free.ranges, free.ranges.dropFirst()).allSatisfy { $0.end < $1.start })
                #expect(all.reduce(0) { $0 + $1.size } == 1200)
                #expect(free.bytes == free.ranges.reduce(0) { $0 + $1.size })
            }
            for range in used { free.insert(range) }
            #expect(free.ranges == [.init(start: 1000, size: 500), .init(start: 2000, size: 700)])
        }
    }

    @Test func `the ends of the largest ranges go back`() {
        var free = FreeRanges()
        for (start, size) in [(100, 50), (300, 200), (600, 100)] as [(UInt, Int)] {
            free.insert(FreeRanges.Range(start: start, size: size))
        }
        #expect(free.removeLargest(-5).isEmpty)
        #expect(free.removeLargest(150) == [.init(start: 350, size: 150)])
        #expect(free.bytes == 200)
        #expect(free.removeLargest(1000).reduce(0) { $0 + $1.size } == 200)
        #expect(free.ranges.isEmpty && free.bytes == 0)
    }

    @Test func `what is given back is whole pages, so that none is lost`() {
        // Blocks that grow by an odd number of pages, each freed when the next is there, as a matrix that is appended to.
        var last = AlignedStorage<UInt8>(uninitialized: 1001 * 4096)
        for step in 2...40 {
            let next = AlignedStorage<UInt8>(uninitialized: step * 1001 * 4096)
            next.buffer[next.buffer.count - 1] = UInt8(step)
            last = next
        }
        #expect(last.buffer.last == 40)
        #expect(MemoryPool.held.idle % 4096 == 0)
    }

    @Test func `blocks of all sizes hold what was written to them`() {
        var random = RandomSource(seed: 3)
        var blocks: [(storage: AlignedStorage<UInt32>, mark: UInt32)] = []
        for mark in 1...300 as ClosedRange<UInt32> {
            let count = Int.random(in: 1...(mark % 7 == 0 ? 2_000_000 : 40_000), using: &random)
            let storage = AlignedStorage<UInt32>(uninitialized: count)
            #expect(UInt(bitPattern: storage.pointer) % 64 == 0)
            storage.buffer.update(repeating: mark)
            blocks.append((storage, mark))
            if blocks.count > 12 {
                let (storage, mark) = blocks.remove(at: Int.random(in: 0..<12, using: &random))
                #expect(storage.buffer.allSatisfy { $0 == mark })
            }
        }
    }
}
