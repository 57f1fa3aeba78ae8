import KuklaNumerics
import KuklaTensor
import Testing

/// Contractions against a loop over all letters.
@Suite struct EinsumTests {
    /// Sums over every letter's range, in double.
    private func slow(_ equation: String, _ operands: [Tensor]) -> Tensor {
        let sides = equation.split(separator: "->", omittingEmptySubsequences: false)
        let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map { Array($0) }
        let result = Array(sides[1])
        var lengths: [Character: Int] = [:]
        for (term, operand) in zip(terms, operands) {
            for (label, length) in zip(term, operand.shape) { lengths[label] = length }
        }
        let labels = lengths.keys.sorted()
        let shape = result.map { lengths[$0, default: 0] }
        var sums = [Double](repeating: 0, count: shape.reduce(1, *))
        func place(_ term: [Character], _ index: [Character: Int]) -> Int {
            term.reduce(0) { $0 * lengths[$1, default: 0] + index[$1, default: 0] }
        }
        for number in 0..<labels.reduce(1, { $0 * lengths[$1, default: 0] }) {
            var rest = number
            var index: [Character: Int] = [:]
            for label in labels {
                index[label] = rest % lengths[label, default: 1]
                rest /= lengths[label, default: 1]
            }
            sums[place(result, index)] += zip(terms, operands).reduce(1.0) {
                $0 * Double($1.1.elements[place($1.0, index)])
            }
        }
        return Tensor(shape: shape, elements: sums.map { Float($0) })
    }

    private func check(_ equation: String, _ a: Tensor, _ b: Tensor?) {
        let got = b.map { einsum(equation, a, $0) } ?? einsum(equation, a)
        let expected = slow(equation, [a] + (b.map { [$0] } ?? []))
        let worst = zip(got.elements, expected.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(got.shape == expected.shape && worst < 1e-4, "\(equation): \(worst)")
    }

    @Test(arguments: [
        "ij,jk->ik", "bij,bjk->bik", "bij,bkj->bik", "ij,kj->ki", "bhqd,bhkd->bhqk", "bqhd,bkhd->bhqk",
        "bi,bi->b", "i,j->ij", "bi,bj->bij", "ij,ij->", "bij,j->bi", "nchw,oc->nohw", "bij,ij->ij",
        "ab,cd->", "ij,j->", "abc,cb->a", "a,a->a", "ji,jk->ik", "ij,jk->ki",
    ])
    func `contractions of two are sums over letters`(_ equation: String) {
        var random = RandomSource(seed: 1)
        var lengths: [Character: Int] = [:]
        let operands = equation.prefix { $0 != "-" }.split(separator: ",").map { term in
            Tensor.normal(
                term.map { label in
                    let length = lengths[label] ?? Int.random(in: 1...5, using: &random)
                    lengths[label] = length
                    return length
                }, using: &random)
        }
        check(equation, operands[0], operands[1])
    }

    @Test func `any equation is the sum over its letters`() {
        var random = RandomSource(seed: 2)
        for _ in 0..<300 {
            let lengths = Dictionary(
                uniqueKeysWithValues: "abcde".map { ($0, Int.random(in: 1...3, using: &random)) })
            let letters = lengths.keys.sorted()
            let terms = (0..<Int.random(in: 1...2, using: &random)).map { _ in
                (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    letters[Int.random(in: 0..<5, using: &random)]
                }
            }
            let used = Set(terms.joined()).sorted().shuffled(using: &random)
            let result = used.filter { _ in Bool.random(using: &random) }
            let equation = terms.map { String($0) }.joined(separator: ",") + "->" + String(result)
            let operands = terms.map { term in
                Tensor.normal(term.map { lengths[$0, default: 0] }, using: &random)
            }
            check(equation, operands[0], operands.count > 1 ? operands[1] : nil)
        }
    }

    @Test func `empty axes sum to zero`() {
        #expect(einsum("ij,jk->ik", .zeros([2, 0]), .zeros([0, 3])).elements == [0, 0, 0, 0, 0, 0])
        #expect(einsum("ij,ij->j", .zeros([0, 2]), .zeros([0, 2])).elements == [0, 0])
        #expect(einsum(" i j -> j ", .zeros([0, 2])).elements == [0, 0])
    }

    @Test func `an equation that does not fit traps with itself and both shapes`() async throws {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = einsum("ij,jk->ik", .zeros([2, 3]), .zeros([4, 5]))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(
            text.contains("einsum \"ij,jk->ik\" of shapes [2, 3] and [4, 5]: j is 3 and 4 long"), "\(text)")
        await #expect(processExitsWith: .failure) { _ = einsum("ij,jk", .zeros([2, 3]), .zeros([3, 5])) }
        await #expect(processExitsWith: .failure) { _ = einsum("ij->ik", .zeros([2, 3])) }
        await #expect(processExitsWith: .failure) { _ = einsum("ij->ii", .zeros([2, 3])) }
        await #expect(processExitsWith: .failure) { _ = einsum("ijk->ij", .zeros([2, 3])) }
        await #expect(processExitsWith: .failure) { _ = einsum("i1->i", .zeros([2, 3])) }
        await #expect(processExitsWith: .failure) { _ = einsum("ii->i", .zeros([2, 3])) }
    }
}
