import Foundation
import KuklaNN
import Testing

@Suite struct ScheduleTests {
    private struct Rates: Decodable {
        var rate: Float
        var rates: [String: [Float]]
    }

    @Test func `rates are those of PyTorch and Hugging Face`() throws {
        let truth = try golden("schedules.json", as: Rates.self)
        let rate = truth.rate
        let schedules: [String: Schedule] = [
            "constant": .constant(rate: rate, warmup: 5),
            "linear": .linear(rate: rate, warmup: 5, total: 20),
            "linear_no_warmup": .linear(rate: rate, total: 7),
            "cosine": .cosine(rate: rate, warmup: 5, total: 20),
            "cosine_floor": .cosine(rate: rate, total: 10, floor: 0.007_812_5),
            "step": .step(rate: rate, every: 4, factor: 0.5),
            "one_cycle": .oneCycle(rate: rate, total: 20),
            "one_cycle_early": .oneCycle(rate: rate, total: 11, rise: 0.1, start: 4, end: 8),
            "inverse_square_root": .inverseSquareRoot(rate: rate, warmup: 4),
        ]
        #expect(Set(schedules.keys) == Set(truth.rates.keys))
        for (name, schedule) in schedules {
            for (step, wanted) in (truth.rates[name] ?? []).enumerated() {
                let found = schedule.rate(at: step)
                #expect(abs(found - wanted) < 1e-8, "\(name) at \(step): \(found), not \(wanted)")
            }
        }
    }

    static let corners: [Schedule] = [
        .constant(rate: 1), .constant(rate: 1, warmup: 3), .linear(rate: 1, total: 0),
        .linear(rate: 1, warmup: 5, total: 3, floor: 0.1), .cosine(rate: 1, warmup: 0, total: 0),
        .cosine(rate: 1, warmup: 4, total: 4), .step(rate: 1, every: 0, factor: 0.5),
        .oneCycle(rate: 1, total: 0), .oneCycle(rate: 1, total: 1), .oneCycle(rate: 1, total: 2, rise: 0),
        .oneCycle(rate: 1, total: 5, rise: 1), .inverseSquareRoot(rate: 1, warmup: 0),
    ]

    @Test(arguments: corners) func `no corner gives a rate out of range`(_ schedule: Schedule) {
        for step in [-1, 0, 1, 2, 3, 4, 5, 1_000_000_000] {
            let rate = schedule.rate(at: step)
            #expect(rate >= 0 && rate <= 1, "\(schedule) at \(step): \(rate)")
        }
    }

    @Test(arguments: corners) func `a schedule survives JSON`(_ schedule: Schedule) throws {
        let data = try JSONEncoder().encode(schedule)
        #expect(try JSONDecoder().decode(Schedule.self, from: data) == schedule)
    }

    @Test func `recipes may leave out what has a default`() throws {
        func decode(_ text: String) throws -> Schedule {
            try JSONDecoder().decode(Schedule.self, from: Data(text.utf8))
        }
        #expect(try decode(#"{"constant": {"rate": 0.5}}"#) == .constant(rate: 0.5))
        #expect(
            try decode(#"{"one_cycle": {"rate": 0.5, "total": 9}}"#) == .oneCycle(rate: 0.5, total: 9))
        for (text, word) in [
            (#"{"cosin": {"rate": 1}}"#, "did you mean \"cosine\"?"),
            (#"{"cosine": {"rate": 1, "warmpu": 2, "total": 3}}"#, "did you mean \"warmup\"?"),
            (#"{"cosine": {"rate": 1}, "linear": {"rate": 1}}"#, "one key"),
            (#"{}"#, "one key"),
        ] {
            do {
                _ = try decode(text)
                Issue.record("\(text) was read")
            } catch DecodingError.dataCorrupted(let context) {
                #expect(context.debugDescription.contains(word))
            }
        }
    }
}
