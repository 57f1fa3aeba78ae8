import KuklaNumerics
import Testing

@Suite struct EditDistanceTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1),
        ("ABC", "abc", 0),
        ("lerning_rate", "learning_rate", 1), ("ca", "abc", 3),
    ])
    func `edits are counted`(_ a: String, _ b: String, _ distance: Int) {
        #expect(EditDistance.between(a, b) == distance)
        #expect(EditDistance.between(b, a) == distance)
    }

    @Test func `the nearest word is found, the one that begins alike among equals`() {
        #expect(EditDistance.nearest(to: "SQ9", among: ["BQ9", "SQ8"]) == "SQ8")
        #expect(EditDistance.nearest(to: "x", among: [String]()) == nil)
        #expect(EditDistance.likely("temprature", among: ["seed", "temperature"]) == "temperature")
        #expect(EditDistance.likely("xylophone", among: ["seed", "epochs"]) == nil)
    }
}
