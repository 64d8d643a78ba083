"""The words that the sentences are made of."""

NAMES = ("Anna Ben Clara David Emma Frank Grace Henry Ivan Jack Kate Laura Mary Nick Olivia Paul Peter Sam Sarah Tom Victor Susan James Lucy Martin Nora "
         "Oscar Robert Simon Maria Daniel Helen Alice George John Linda Michael Julia Adam Thomas").split()
COLORS = "red green blue yellow black white brown gray pink purple orange silver golden".split()
ANIMALS = ("cat dog horse cow sheep goat pig duck goose chicken rabbit mouse lion tiger bear wolf fox monkey elephant giraffe zebra snake frog turtle fish shark "
           "whale dolphin eagle owl parrot spider bee butterfly camel donkey squirrel penguin kangaroo crocodile").split()
FOODS = ("bread butter cheese apples bananas rice soup salad pizza pasta chicken fish eggs cake cookies chocolate honey sugar salt pepper potatoes tomatoes carrots "
         "onions beans mushrooms strawberries lemons grapes peaches sandwiches pancakes yogurt jam noodles").split()
DRINKS = "water milk coffee tea juice lemonade wine beer cocoa soda".split()
OBJECTS = ("book table chair lamp window door key phone clock watch computer keyboard camera radio television bottle glass cup plate spoon fork knife bowl basket box "
           "bag suitcase umbrella hat coat jacket shirt dress shoe sock glove scarf ring necklace mirror picture painting letter envelope stamp pencil pen paper notebook "
           "ruler scissors hammer ladder rope bucket broom candle pillow blanket carpet curtain sofa bed desk shelf cupboard fridge oven kettle guitar piano violin drum "
           "trumpet ball kite doll puzzle balloon bicycle car bus train truck boat ship airplane helicopter tractor motorcycle ticket map compass lantern flag coin wallet").split()
PLACES = ("house garden kitchen school library museum station airport hospital hotel restaurant market bakery bank church castle tower bridge river lake forest mountain "
          "valley island beach desert farm field park street village city harbor factory office theater cinema stadium garage cellar attic bathroom bedroom hallway "
          "playground pharmacy supermarket square").split()
CITIES = ("London Paris Berlin Madrid Rome Vienna Dublin Boston Chicago Denver Houston Seattle Dallas Toronto Sydney Tokyo Moscow Cairo Oslo Helsinki Prague Warsaw Lisbon Athens").split()
COUNTRIES = "France Germany Spain Italy Poland Canada Mexico Brazil China Japan India Egypt Kenya Norway Sweden Finland Ireland Scotland Portugal Australia".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
JOBS = ("teacher doctor nurse farmer baker driver pilot sailor soldier painter singer dancer writer lawyer engineer gardener policeman fisherman carpenter student "
        "king queen neighbor captain waiter judge").split()
FAMILY = "mother father sister brother uncle aunt cousin grandmother grandfather daughter friend wife husband".split()
ADJECTIVES = ("big small old new young long short tall heavy light dark bright clean dirty empty full cheap expensive beautiful ugly strange quiet loud warm cold hot "
              "cool soft hard round square wooden broken open closed wet dry fast slow strong gentle happy sad angry tired hungry thirsty lazy clever famous friendly "
              "lonely lovely narrow wide deep shallow sharp smooth simple perfect modern ancient little huge tiny").split()
FEELINGS = "happy sad angry tired hungry thirsty sick ready busy late early alone sleepy nervous proud lucky worried surprised bored excited".split()
WEATHER = "sunny rainy cloudy windy stormy snowy foggy cold warm hot cool dry wet humid".split()
ADVERBS = "slowly quickly quietly loudly carefully happily sadly suddenly gently badly easily often always never sometimes again together alone outside inside upstairs".split()
PREPOSITIONS = "near behind beside under above inside outside below".split()
TRANSITIVE = ("found lost bought sold carried dropped opened closed washed cleaned painted fixed moved pushed pulled lifted kept stole borrowed wanted needed liked loved "
              "hated watched remembered forgot noticed admired brought took held touched broke").split()
INTRANSITIVE = "slept laughed cried walked danced swam waited smiled shouted worked jumped stopped started disappeared returned arrived listened rested whispered traveled".split()
BASE_VERBS = "find lose buy sell carry drop open close wash clean paint fix move push pull lift keep borrow watch remember forget bring take hold touch break".split()
ACTIVITIES = ("swimming dancing singing reading cooking fishing running walking sleeping painting drawing writing working waiting shopping cycling climbing hiking "
              "skating sailing camping laughing").split()
SUBJECTS_AT_SCHOOL = "history music science biology physics chemistry geography English French German Spanish Latin".split()
SPORTS = "football tennis basketball baseball hockey golf chess cards volleyball rugby".split()
THINGS_UP = "moon sky rain snow storm cloud rainbow thunder lightning sunrise sunset wind".split()
COMMAND_OBJECTS = "the door|the window|the light|the radio|the television|the music|the heating|the computer|the alarm|the camera|the oven|the fan".split("|")
ABSTRACT = "idea story question answer problem reason dream secret song game lesson meeting party journey holiday birthday accident message mistake surprise promise plan".split()

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
            "nineteenth twentieth").split()
NUMERALS = {*UNITS, *TENS[2:], *ORDINALS, "hundred", "thousand", "half", "quarter", "once", "twice", "dozen", "thirtieth"}

# Words that sound like others; they stand in sentences only, never in strings of random words.
HOMOPHONES = {"two", "four", "eight", "one", "red", "blue", "sun", "bear", "whale", "sea", "wine", "night", "knight", "write", "right", "read", "their", "there", "weather",
              "pair", "pear", "flower", "flour", "mail", "sail", "meat", "steel", "bored", "board", "sole", "soul", "son", "hour", "ring", "jam", "key", "aunt", "grey",
              "gray", "March", "May", "August", "close", "closed", "light", "lead", "wind", "second", "minute", "goose", "bee", "sheep", "ship"}


def vocabulary():
    """Every lower-case content word, without look-alikes in sound."""
    lists = (COLORS, ANIMALS, FOODS, DRINKS, OBJECTS, PLACES, JOBS, FAMILY, ADJECTIVES, FEELINGS, WEATHER, ADVERBS, PREPOSITIONS, TRANSITIVE, INTRANSITIVE, BASE_VERBS,
             ACTIVITIES, SPORTS, THINGS_UP, ABSTRACT)
    return sorted({w for words in lists for w in words} - HOMOPHONES)
