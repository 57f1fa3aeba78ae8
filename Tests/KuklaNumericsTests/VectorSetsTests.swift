import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct VectorSetsTests {
    private let matrices = [3, 0, 1, 5].enumerated().map {
        Matrix.normal(rows: $1, columns: 4, seed: UInt64($0))
    }

    @Test func `sets come back one by one, in ranges and by number`() {
        let sets = VectorSets(matrices, dimensions: 4)
        #expect(sets.count == 4 && sets.dimensions == 4 && sets.offsets == [0, 3, 3, 4, 9])
        for (index, matrix) in matrices.enumerated() { #expect(sets[index] == matrix) }
        #expect(sets[sets: 1..<4] == VectorSets(Array(matrices[1..<4]), dimensions: 4))
        #expect(
            sets.gathering([3, 0, 3, 1]) == VectorSets([3, 0, 3, 1].map { matrices[$0] }, dimensions: 4))
        #expect(VectorSets([], dimensions: 4).count == 0)
    }

    @Test func `offsets that are none are told apart`() {
        for (offsets, word) in [
            ([], "nothing"), ([1, 3], "begin with 1"), ([0, 2, 1, 3], "fall from 2 to 1 at set 1"),
            ([0, 2], "end with 2"), ([0, 9, 3], "fall from 9"),
        ] {
            #expect(VectorSets.fault(in: offsets, rows: 3)?.contains(word) == true, "\(offsets)")
        }
        #expect(VectorSets.fault(in: [0, 0, 3, 3], rows: 3) == nil)
    }
}
