"""Text and ground truth of the sample meeting; ``make`` gives it as WebVTT with cue times worked out from word counts."""

import re

NAMES = {"I": "Ingrid Solheim", "T": "Tomasz Wieczorek", "A": "Aoife Brannigan", "R": "Rahul Menon", "Z": "Zeynep Aydın"}
TITLE = "Nordkelvin weekly product and operations meeting, Tuesday 7 October 2025"

# One turn a line: initial, colon, words. ``* 12`` is a silence of so many seconds.
TURNS = """
I: Okay, I think that's everyone. Can you hear me all right? Rahul, you were breaking up a second ago.
R: Yeah, no, I'm back. I switched to the cable. The wireless in the warehouse is, um, it's not great.
I: Good. So, it's Tuesday the seventh of October, this is the weekly, and we have Tomasz for engineering, Aoife for product, Rahul for operations, Zeynep for support, and me. I've got five things on the list. Firmware four point two, the Baltic carrier, the packaging question, weekend cover, and then the data plan pricing if we get that far. Anything missing?
Z: Could we, sorry, could we take two minutes on the Polish queue as well? It's related to weekend cover, so maybe just inside that one.
I: Yes, inside that one. Anyone else? No? Right. Tomasz, firmware.
T: Sure. Let me share my screen. One moment. Um. It's asking me for permission, of course it is.
* 9
T: Okay. Can you see the chart with the two lines?
A: We see your calendar.
T: Ah. Wrong window. Now?
A: Now it's the chart.
T: Great. So, the blue line is four point one, which is what everybody runs today, and the orange line is four point two. This is battery voltage over thirty days for the small logger, the one that goes in the pallet. And what you see is that for the first, let's say, nine days they're the same, and then the orange one starts to sag.
I: Sag by how much?
T: About eleven per cent more consumption over the month. Which sounds small, but the small logger is sold as two years on one cell. With this it would be, I think, twenty-one months. Roughly.
A: So we'd be breaking the data sheet.
T: We would be breaking the data sheet, yes.
R: Is it all units or only some of them?
T: That's the interesting part. It's only units that lose contact with the gateway. If the logger sits in a truck with good coverage you see nothing. If it goes through, for example, a long cold store with thick walls, then it keeps looking for the gateway, and the new code doesn't back off. The old code waited longer and longer between attempts. In the new one we, well, I, removed that by mistake when we cleaned up the radio module.
I: Thank you for saying so. So the cause is known.
T: The cause is known. The fix is maybe forty lines. The thing that takes time is the proof, because you can't really compress thirty days of battery.
Z: Can I ask, because customers ask me. Four point two also has the fix for the clock jumping, right? The one where the readings are an hour off after the ferry?
T: Yes. The time zone thing. That's in four point two.
Z: Because I have, I counted this morning, I have thirty-one open tickets on exactly that. The fish people especially. They have an audit in November and an hour's gap looks really bad for them.
A: Thirty-one? Last week it was nineteen.
Z: It was nineteen, yes. And then the clocks thing got mentioned in that trade newsletter, and everybody went and looked.
I: Okay. So we have one release which fixes something people are shouting about, and which breaks something they haven't noticed yet. What are the options?
T: So, I see three. One, we ship it as it is, and fix the battery in four point three. I don't like that. Two, we hold everything until the battery is proven, which is mid-November. Three, we put the back-off in again now, I run it on the accelerated bench for a few days, which isn't a full proof but it's decent, and we ship to the pilot group only. That's about four hundred units, and twelve customers.
R: Who's in the pilot group? Is it the same as in spring?
A: Same as in spring, except that the bakery chain left and Skagfisk came in. So the fish people are actually in it. Most of them.
Z: How many of my thirty-one are in the pilot group?
A: I'd have to look, but, um, I'd guess twenty. Twenty-ish.
Z: Then option three solves most of my life.
I: Tomasz, what's the earliest for option three that you'd put your name to?
T: If I get the bench to myself... the fourteenth. A week from today.
I: And the general release?
T: I'd want to see two clean weeks from the pilot group first. So not before, like, the end of the month, and I'd prefer not to promise a day.
A: I'd support that. I don't want to tell six thousand customers a date and then move it. We did that in the spring and people still bring it up.
I: Rahul, anything from your side? Do the units in stock matter?
R: They do a bit. We've got about, what is it, eighteen hundred small loggers in the Gdynia warehouse flashed with four point one. If we hold the general release they just go out with four point one, which is fine. What I don't want is to reflash them twice.
I: No. Okay. So let me say it and you shout if I've got it wrong. We ship firmware four point two to the pilot group only, on the fourteenth of October, with the back-off put in again. The general release waits until we've seen two clean weeks. Is anyone against?
T: Fine with me.
A: Yes.
Z: Yes please.
R: Yep.
I: Good, that's decided. Tomasz, the bench test. What do you need to deliver, and when?
T: I'll put the radio back-off into four point two again and send round the bench report by Friday the tenth. That gives us the weekend if something smells.
I: Friday the tenth. Good. And who tells the customers?
A: That's me. I'll write the release note and the mail to the twelve pilot customers, and they'll go out on Monday the thirteenth. Zeynep, can I borrow you for half an hour to get the wording on the clock problem right?
Z: Of course. Just not before ten, because the mornings are, um, the mornings are the queue.
A: After ten is perfect.
T: One small thing. In the note, please don't call it a battery bug, because the version they have doesn't have it. They'd get scared about nothing.
A: No, no. I'd just say that the radio behaviour was tested under poor coverage. Something like that.
T: That's true and it's not scary. I like it.
I: Lovely. Anything else on firmware? Tomasz, stop sharing, we can see your mail.
T: Oh. Sorry.
* 6
I: Right. Number two, the Baltic carrier. Rahul.
R: Okay, so. Background for Aoife and Tomasz, who've been lucky enough not to hear me complain. We've been shipping everything to Finland and the Baltics with one carrier, with Trasko, since basically forever. In the third quarter their on-time rate was eighty-two per cent. The contract says ninety-five. And in September it was seventy-six.
I: Seventy-six?
R: Seventy-six. It's the terminal move. They closed the old one before the new one really worked. I've been to see it, and it's, well, there were pallets outside in the rain. It won't be fixed before Christmas, whatever they tell us.
A: And what do they tell us?
R: They tell us November.
T: Which November?
R: Ha. Exactly.
Z: We do see it in support. It's not a lot of tickets, maybe five or six a week, but it's the angry kind. Where is my box, I've got an installer standing here, and I'm paying him by the hour.
R: So I asked three others for quotes. One of them can't do small parcels at all, so forget that one. That leaves Halvorsen Freight and, um, a company called Meriline. Meriline is cheaper, about eight per cent below Trasko. Halvorsen is about four per cent above. But Meriline only runs three days a week to Riga and Vilnius, and they hand over to a partner in Lithuania, and I can't see the tracking after the handover.
I: So it's cheap and blind.
R: Cheap and blind, yes. Halvorsen has its own vans all the way and daily departures. I called two references, both were okay, one was very okay. The one complaint was invoicing. They send a hundred little invoices and not one big one.
A: What does four per cent mean in money?
R: On current volume, so, if we moved half, it's about nine thousand euro for the rest of the year. No wait. That's if we moved everything. Half is four and a half thousand. Sorry. Four and a half.
I: Four and a half thousand euro until the end of the year. And what do the late deliveries cost us at the moment?
R: We paid, let me find it. We paid six thousand two hundred in goodwill credits in the third quarter, just for that region. And that doesn't count Zeynep's time.
I: Then it pays for itself.
R: It more or less pays for itself, yes. If it works.
T: Would we leave Trasko completely?
R: No. I'd rather keep both. There's a minimum volume with Trasko until March anyway, and I'd like something to fall back on. So Halvorsen as second carrier, about half of the volume, Finland stays with Trasko and the three Baltic countries go to Halvorsen.
A: Isn't Finland late as well?
R: Less so. Finland goes by a different ferry. It was ninety-one per cent in the quarter. Not good, but not a fire.
I: Okay. I'm comfortable with that. Does anyone see a reason not to?
Z: Just one question. Will the tracking links look the same for the customer? Because we've got, like, eleven saved replies with the Trasko link in them.
R: They'll be different links. I can get you the format as soon as the account is open.
Z: Then I'm fine. I just need a heads-up of a few days.
R: You'll have it.
I: Then we take Halvorsen Freight as second carrier for Estonia, Latvia and Lithuania, with Trasko keeping Finland. That's a decision. Rahul, what's the next step?
R: I need the rate card signed by both sides, and then they set up the account. I'll get the rate card with Halvorsen signed by the fifteenth of October. Uh, no, hang on, their commercial guy is away until the sixteenth. Make it Friday the seventeenth.
I: So the seventeenth, not the fifteenth.
R: The seventeenth of October. Yes. Sorry about that.
I: No problem. And it's below the limit, so you can sign it yourself, you don't need me.
R: I know. I've got the number tattooed.
I: Good. And somebody has to tell Trasko before they hear it from someone in the port.
R: That's, um, honestly I'd like that to come from you. They've been asking for you. Their managing director, he thinks I'm just the man who complains.
I: Fair enough. I'll call the managing director at Trasko and explain that they're losing the Baltic volume.
R: When would you do it?
I: I can't say yet. It depends on him, he's impossible to get hold of, and I want your signature to be close first. Leave it open. Just put me down for it.
R: Okay, no date then.
I: No date. Right. Before packaging, um, could we just, Tomasz, you wanted a word on the field test in the north? I've got it as a sub-point and I skipped it.
T: Right, yes. So, we've had forty loggers in Tromsø and in Kiruna since August, outdoors, in the unheated depots. It's about what happens at minus thirty. It isn't minus thirty yet, obviously, it's October, but we've had some nights below minus eight.
R: And do they survive?
T: They all survive. The readings are good, within two tenths of a degree against the reference. The display gets slow. It takes, I'd say, a second and a half to change, and people press the button twice, and then it goes off again.
A: I saw that in the videos. The man with the beard pressing it, like, six times.
T: That's Olav. Olav is very patient, normally. So we could slow down the button, I mean, ignore the second press for two seconds when it's cold. It's a tiny change, but I'd want to see what Olav thinks of it first.
Z: I can tell you that the button is in my top ten already. Even in warm places.
T: Is it? I didn't know that.
Z: Number seven, I think. Number seven or eight. I'll forward you a few of the tickets, there's one with a drawing.
T: A drawing. Okay. Yes, send it, I like drawings.
I: Does it touch four point two?
T: No. No, no. I'm not touching four point two any more than I have to. It'd be something for later, for next year, and the test itself runs until March. I only wanted you to know that it's going well, because last year at this time we had nine dead ones.
I: Nine out of forty?
T: Nine out of thirty. We had thirty last year. It was the seal, the water came in when it thawed and then it froze again. The new seal seems to hold. But ask me again in February.
A: Could I use that in the newsletter? Forty out of forty so far?
T: Please don't. If you write it, then two of them die the next day. Every time.
A: Ha. Okay. In February, then.
R: Who pays for shipping those back, by the way? Because there was an invoice for the dead ones last year and nobody wanted it.
T: It's in my budget this time. I learned.
I: Great, so, nothing to decide there, it's good news. Thank you. Let's go to packaging then.
I: So, number three. Aoife, that was yours.
A: Yes. So this is the printed quick-start guide. The little folded thing, sixteen languages, that nobody has ever read.
T: I've read it.
A: You wrote it.
T: That's why I've read it.
A: So, the printer has told us that the price goes up by a third with the next run, because of the paper. And we'd have to reprint anyway, because the drawing on page two shows the old bracket. So my proposal is that we don't reprint. We put a label on the inside of the lid with a code you scan, and that takes you to a page with a film of forty seconds and the text in your language.
R: And it's lighter. It isn't much, but over a pallet it's, I worked it out once, it's about four kilos.
Z: Can I be the difficult person?
A: Please.
Z: There are people who install these things in a cold store with no signal. With gloves on. Scanning a code in there isn't, you know. It doesn't happen.
A: That's fair. But do they read sixteen languages of folded paper with gloves on?
Z: No. They call me. Is what they do.
T: What if the three steps are printed on the label itself? As pictures. Pull the tab, wait for green, screw it on. There's room if the label is as big as the lid.
A: That's actually good. Like on an airplane.
T: Like on an airplane, yes.
Z: If the three pictures are on there I'm happy. Most of the calls are about the tab anyway. People don't pull the tab.
I: Is there anything legal we have to have on paper? Rahul, you went through this for the chargers.
R: The safety text has to be on paper for the gateway, because it's got a mains plug. For the loggers no. For the loggers it's only the marking on the housing and the address, and we've got that on the box.
A: Right, so this would be loggers only. The gateway keeps its booklet.
I: How much do we save?
A: About thirty-four cents a box. At the volume we plan for next year that's, let me see, we said sixty thousand, so twenty thousand four hundred. Minus the label, which is six cents. So call it sixteen, seventeen thousand.
I: And when would it start?
A: The next packaging batch is in November, the one that Rahul orders at the end of this month. So from that batch.
R: I still have around two thousand guides here. I'd use those up with the old boxes and not throw them away.
A: Yes, absolutely. Use them up.
I: Okay, I'm for it. Everyone? Zeynep?
Z: With the pictures, yes.
I: So, we drop the printed quick-start guide from the logger boxes, starting with the November batch, and we print the three steps and a code on a label inside the lid. Decided.
A: Great.
T: Should somebody check the Polish and the Turkish text on that page? Because what's there now is, I mean, the Polish is clearly from a machine. It says to, um, to execute the tab. Like with a firing squad.
Z: The Turkish is also strange. Not that strange.
I: Somebody really ought to go through the translations before the label goes out.
* 5
I: Anyone?
A: I mean, I can't this month, I'm honestly full with the release.
T: I shouldn't do Polish marketing text. I'd make it worse.
Z: I could ask my team, but with the queue as it is, I don't want to promise.
I: All right. We're not going to solve that one now. Let's see who has time. Moving on. Number four, weekend cover. Zeynep.
Z: Okay. So. Um. I'll try to keep it short. Since the summer we've had more and more tickets that come in on Saturday. Last quarter it was fourteen per cent of all tickets, the year before it was six. And they sit there until Monday, so on Monday morning we start with, like, eighty or ninety in the queue. And then the first answer takes until Tuesday.
I: What kind of tickets are they?
Z: Two kinds. One is alarms, so, a truck is too warm, the driver sees a red light and doesn't know what to do. That one's urgent, that's the whole reason they buy the thing. The other is, I've forgotten my password. Which isn't urgent but it feels urgent on a Saturday.
T: Could the password ones be automatic? There's a reset page.
Z: There is a reset page, and it's got a link at the bottom in very light grey.
T: Ah.
Z: Yes.
A: I can make the link less grey. That's not an action, that's ten minutes. I'll just do it.
I: Let's stay with Saturdays. What do you propose?
Z: I propose one person on Saturdays from eight to four, not Sundays. From the first of November. As a trial for three months, and then we look at the numbers. I've got four people who'd do it in turn, so it's about one Saturday a month for each, and they get either the Monday off or the extra pay, as they like.
R: What does it cost?
Z: If all of them took the pay it'd be around two thousand eight hundred a month. In practice I think half will take the Monday. So less.
R: And then on Monday you're one person short. Which is the day you've got ninety in the queue.
Z: Yes, but then there aren't ninety in the queue. That's the idea. I did a, well, it's not a simulation, it's a spreadsheet. If Saturday takes forty, Monday is fine with one less.
I: I trust the spreadsheet. And the alarms, who helps your person if it's something technical? Tomasz, is engineering on call on Saturdays?
T: We've got the on-call phone, but it's for the servers. It's not for, my truck is warm.
Z: I don't need engineers. I need, um, a page with what to do for each alarm. We've got most of that. I'd only call the phone if many customers have the same thing at once, because then it is the servers.
T: Then that's okay. That's what the phone is for.
A: What would tell us that the trial worked? Like, what number are we looking at in January?
Z: The time to first answer on a Monday. It's now nineteen hours, on average. I'd like to see it under six. And the Saturday alarms answered within half an hour.
I: That's clear. Good. Does it go through the works council?
Z: I talked to Henrike last week, informally. As it's voluntary and it's a trial, she just wants to see the rota before it starts.
I: Okay. Then let's do that. We run Saturday support from eight to four as a three-month trial, starting on the first of November. Decided. Zeynep, the rota?
Z: I'll draft the Saturday rota and show it to the works council by Friday the twenty-fourth of October.
I: The twenty-fourth. That leaves a week. Good. And you wanted to say something on the Polish queue.
Z: Yes. Very short. Kinga is on leave from next week, she's our only native speaker, and the Polish tickets are about nine a day. I've got someone who'll cover, but his Polish is, let's say, from his grandmother. So answers will be slower, until the third of November. I just want you to know, if a customer mentions it.
T: If something's technical and in Polish, you can send it to me. Not all of them, but, you know. Two a day.
Z: That's very kind. I'll be careful with it.
R: I've got a driver in Gdynia who... no, forget it. Bad idea.
Z: I don't even want to know.
I: Fine. So, how are we doing for time? It's, um, we've got about seven minutes. Number five is the pricing of the data plan. Aoife, can we do that in seven minutes?
A: I don't think so. I mean, I can say what the question is. The question is whether we put up the yearly data plan from thirty-six to thirty-nine euro per logger, and whether the old customers keep the old price when they renew.
R: The network operator raised us in July, right? By how much was it?
A: By about nine per cent on the roaming part. So we're eating that right now. But I haven't got the numbers per customer size. Finance promised them for Thursday and I don't want to have half a discussion.
T: Personally I'd say that old customers should keep it, but that's a gut feeling.
I: Let's not start. No decision on the data plan price today. We park it and take it first thing next week, on the fourteenth, when Aoife has the figures from finance.
A: Yes, thank you. First item, please, because otherwise it always falls off the end.
I: First item. I promise. Okay, quick round. Anything that the others should know? Rahul?
R: Um, stocktaking is on the thirtieth, so the warehouse ships nothing that day. I've told sales, they've said okay, and they'll forget. So if you hear someone promise a delivery for the thirtieth, please kick them.
I: Noted. Tomasz?
T: We've got a new colleague starting on Monday. Radio engineer, Marguerite, from Lyon. She'll sit with me for the first two weeks. Please say hello. And the bench is blocked this week, so if somebody wanted to test the door sensors, sorry, not this week.
A: That was me. It's fine. It can wait.
I: Zeynep?
Z: Nothing. Well, one nice thing. The pharmacy group in Izmir renewed, for three years, and they wrote that it was because of Deniz on my team, who stayed on the phone with them for two hours in August when their freezer failed. So I'd like that to be heard.
I: That's wonderful. Please tell Deniz, from all of us.
R: Hear, hear.
I: Aoife, anything?
A: Only that the trade fair in Bremen has confirmed our stand, it's the small one at the back, near the coffee. Which I think is actually better than the big one.
T: Near the coffee is the best place. Everybody comes.
I: Then let me go through it once, so that we all leave with the same list. Firmware four point two goes to the pilot group on the fourteenth. Tomasz has the bench report on Friday the tenth, Aoife the note and the mail on Monday the thirteenth. Halvorsen is our second carrier, Rahul has the rate card by the seventeenth, and I talk to Trasko, with no date on it. The printed guide goes, from the November batch. Translations, nobody yet. Saturday support is a trial from the first of November, Zeynep has the rota by the twenty-fourth. And pricing is first next week. Did I forget something?
R: You said Friday the seventeenth for me, right?
I: The seventeenth, yes. After you corrected yourself.
R: Perfect. Just checking.
Z: And the light grey link.
A: Oh, it's already done. I did it while you were talking.
Z: Really? Okay, it's, yes, I see it. It's blue now. Thank you.
I: That's the fastest thing we've ever shipped. All right, thank you all, same time next week. Bye.
T: Bye.
R: Bye, bye.
A: Thanks, everyone.
Z: Bye. Good week.
"""

def turns():
    """(initial, words) in order, or (None, seconds) for a silence."""
    for line in TURNS.strip().splitlines():
        mark, rest = line.split(" ", 1)
        yield (None, float(rest)) if mark == "*" else (mark[0], rest)


def _cues_of(words, limit=17):
    """Sentences, joined while short and cut after a comma when long."""
    out = []
    for sentence in re.split(r"(?<=[.?!]) ", words):
        if out and len(out[-1].split()) + len(sentence.split()) <= limit * 0.7:
            out[-1] += " " + sentence
        else:
            out.append(sentence)
    return out


def cues():
    """(start, end, speaker, text) with times in seconds."""
    at, out, before = 2.4, [], None
    for mark, content in turns():
        if mark is None:
            at += content
            continue
        at += 0.9 if mark != before else 0.2
        before = mark
        for text in _cues_of(content):
            length = 0.5 + 0.43 * len(text.split()) + 0.25 * text.count(",")
            out.append((at, at + length, NAMES[mark], text))
            at += length + 0.3
    return out


def stamp(seconds):
    """HH:MM:SS.mmm"""
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def make():
    """The WebVTT text."""
    blocks = [f"WEBVTT - {TITLE}", "NOTE\nAn invented meeting, written for Lectern. Apache-2.0."]
    blocks += [f"{n}\n{stamp(s)} --> {stamp(e)}\n<v {who}>{text}</v>" for n, (s, e, who, text) in enumerate(cues(), 1)]
    return "\n\n".join(blocks) + "\n"


DECISIONS = [
    ("Firmware 4.2 goes to the pilot group only, on 14 October 2025; the general release waits for two clean weeks.",
     "We ship firmware four point two to the pilot group only, on the fourteenth of October, with the back-off put in again."),
    ("Halvorsen Freight becomes second carrier for Estonia, Latvia and Lithuania; Trasko keeps Finland.",
     "Then we take Halvorsen Freight as second carrier for Estonia, Latvia and Lithuania, with Trasko keeping Finland."),
    ("The printed quick-start guide is dropped from the logger boxes from the November batch, replaced by a label in the lid.",
     "So, we drop the printed quick-start guide from the logger boxes, starting with the November batch, and we print the three steps and a code on a label inside the lid."),
    ("Saturday support from eight to four runs as a three-month trial from 1 November 2025.",
     "We run Saturday support from eight to four as a three-month trial, starting on the first of November."),
]
# text, owner, due, quote
ACTIONS = [
    ("Put the radio back-off into 4.2 again and send the bench report", "Tomasz Wieczorek", "2025-10-10",
     "I'll put the radio back-off into four point two again and send round the bench report by Friday the tenth."),
    ("Write the release note and the mail to the twelve pilot customers", "Aoife Brannigan", "2025-10-13",
     "I'll write the release note and the mail to the twelve pilot customers, and they'll go out on Monday the thirteenth."),
    ("Get the rate card with Halvorsen signed", "Rahul Menon", "2025-10-17",
     "I'll get the rate card with Halvorsen signed by the fifteenth of October."),
    ("Draft the Saturday rota and show it to the works council", "Zeynep Aydın", "2025-10-24",
     "I'll draft the Saturday rota and show it to the works council by Friday the twenty-fourth of October."),
    ("Call the managing director at Trasko about the lost Baltic volume", "Ingrid Solheim", None,
     "I'll call the managing director at Trasko and explain that they're losing the Baltic volume."),
    ("Check the translations before the label goes out", None, None,
     "Somebody really ought to go through the translations before the label goes out."),
]
CORRECTION = "Make it Friday the seventeenth."
PARKED = ("Price of the yearly data plan", "No decision on the data plan price today.")
# Offers in passing, neither assigned nor dated by the chair.
OFFERS = [
    "I can get you the format as soon as the account is open.",
    "I'll forward you a few of the tickets, there's one with a drawing.",
    "I can make the link less grey.",
]
